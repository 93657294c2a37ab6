// Package packed carries spans from the receiver to the exporter as the bytes that came.
//
// Decoding a span into pdata, stamping it and turning it into an event costs three times what it takes to read the event
// off the wire. So [Pack] rewrites the body of an OTLP request before it is decoded: the spans of each resource become one
// span, the carrier, which has them as an attribute of bytes. The receiver, the pipeline and its processors work
// as ever; the resource is what it was. The api_key processor adds to the carrier what it knows of the keys and addresses that the spans
// name, and usagepdata reads the spans.
//
// Only plain spans are packed: those that the processor would take nothing off and that have no parts which need decoding. A
// body that has anything else goes on as it came. What a carrier says is believed of a request that [NewContext] has marked,
// never of what a sender wrote.
package packed
