//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package requestlimitsextension bounds what callers of a receiver can make the collector hold in memory.
//
// It is a middleware of HTTP and gRPC servers. It caps the calls in flight, in total and for each caller, and looks at
// OTLP bodies while they are read: a few bytes can stand for a level of nesting or for a record that costs a hundred
// times as much once decoded, so such bodies are refused before the receiver decodes them.
package requestlimitsextension
