// Package sdkinstrumentation shows an API platform who uses its SDK and how.
//
// An SDK author wraps the SDK's transport and names its operations; a platform wraps its handlers. Both then
// report one span per call, with the identity of the caller, to a collector of the platform:
//
//	in := pipeline.Start(sdkinstrumentation.WithAPIKey(key), sdkinstrumentation.WithAPIHosts("api.disco.example"))
//	defer in.Shutdown(context.Background())
//	client := &http.Client{Transport: in.Transport(nil)}
//
// This package needs the OpenTelemetry API only; the OpenTelemetry SDK and its exporters come with the
// sub-package pipeline. It never touches OpenTelemetry's globals: a host's own telemetry stays its own.
//
// It cannot hurt its host. No method blocks on the network, returns nil for something usable or lets a panic of its
// own out; memory is bounded; what was thrown away is counted by [Instrumentation.Dropped].
package sdkinstrumentation
