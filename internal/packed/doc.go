// Package packed carries spans from the receiver to the exporter as the bytes that came.
//
// Decoding a span into pdata, stamping it and turning it into an event costs three times what it takes to read the event
// off the wire. So [Pack] reads the body of an OTLP request before it is decoded, and leaves one span in it for those of each
// resource: the carrier. The receiver, the pipeline and its processors work as ever; the resource is what it was. The api_key
// processor notes whose the keys and where the addresses are that the spans name, and usagepdata makes events of the spans. Both find them in
// the context of the request ([FromContext]), so nobody can send a carrier; the exporter refuses one whose request it does not have.
//
// Only plain spans are packed: those that the processor would take nothing off and that have no parts which need decoding. A
// body that has anything else goes on as it came.
package packed
