// Package auto instruments a program that uses an SDK of the platform, without a change to either:
//
//	import _ "github.com/disco-platform/mirrorball/sdkinstrumentation/auto"
//
// It wraps http.DefaultTransport, which most SDKs use, for the hosts named in DISCO_API_HOSTS, and takes everything else
// from the environment as well. Without hosts, or with telemetry switched off, it does nothing.
package auto

import (
	"context"
	"net/http"
	"os"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

var instrumentation = install()

// install sees only transports that are made later; a client with a transport of its own is not instrumented.
func install() *sdkinstrumentation.Instrumentation {
	if os.Getenv("DISCO_API_HOSTS") == "" {
		return sdkinstrumentation.New(sdkinstrumentation.WithDisabled())
	}
	in := pipeline.Start()
	http.DefaultTransport = in.Transport(http.DefaultTransport)
	return in
}

// Instrumentation returns what was installed, to record operations and custom events with.
func Instrumentation() *sdkinstrumentation.Instrumentation { return instrumentation }

// Shutdown sends what is queued. A program that ends without it loses what the last two seconds recorded.
func Shutdown(ctx context.Context) error { return instrumentation.Shutdown(ctx) }
