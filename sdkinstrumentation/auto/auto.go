// Package auto instruments a program that uses an SDK of the platform, without a change to either:
//
//	import _ "github.com/disco-platform/mirrorball/sdkinstrumentation/auto"
//
// It instruments http.DefaultTransport, which most SDKs use, for the hosts named in DISCO_API_HOSTS, and takes everything
// else from the environment as well. Without hosts, or with telemetry switched off, it does nothing.
package auto

import (
	"context"
	"net/http"
	"os"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

var instrumentation = install()

func install() *sdkinstrumentation.Instrumentation {
	if os.Getenv("DISCO_API_HOSTS") == "" {
		return sdkinstrumentation.New(sdkinstrumentation.WithDisabled())
	}
	in := pipeline.Start()
	if in.Enabled() {
		http.DefaultTransport = instrumented(in, http.DefaultTransport)
	}
	return in
}

// instrumented keeps the type of the default transport: much code asserts that it is an *http.Transport, to clone it, and
// panics otherwise. Clones are not instrumented.
func instrumented(in *sdkinstrumentation.Instrumentation, base http.RoundTripper) http.RoundTripper {
	transport, ok := base.(*http.Transport)
	if !ok {
		return in.Transport(base)
	}
	shell := transport.Clone()
	for _, scheme := range []string{"http", "https"} {
		shell.RegisterProtocol(scheme, registered{in.Transport(base)})
	}
	return shell
}

// registered is a struct with one exported field that has CloseIdleConnections. net/http takes such a protocol for
// golang.org/x/net/http2 set up by hand, and leaves it in charge (net/http, Transport.onceSetNextProtoDefaults).
type registered struct{ RoundTripper http.RoundTripper }

func (r registered) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.RoundTripper.RoundTrip(req)
}

// Instrumentation returns what was installed, to record operations and custom events with.
func Instrumentation() *sdkinstrumentation.Instrumentation { return instrumentation }

// Shutdown sends what is queued. A program that ends without it loses what the last two seconds recorded.
func Shutdown(ctx context.Context) error { return instrumentation.Shutdown(ctx) }
