//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package usageeventsreceiver takes CloudEvents 1.0 over HTTP, for programs without OpenTelemetry and for custom
// events, and turns each into a log record whose event name is the CloudEvent's type.
//
// The envelope is read by hand rather than with the CloudEvents SDK: its JSON reader (v2.16.2) panics on a data_base64
// that is no string, and refuses a batch as a whole where we say which events are bad. The tests speak through the SDK.
package usageeventsreceiver
