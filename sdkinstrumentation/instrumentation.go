package sdkinstrumentation

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/tally"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Version is the version of this module.
const Version = "1.0.0"

const (
	signalTraces  = "traces"
	signalMetrics = "metrics"
	signalLogs    = "logs"

	reasonPanic     = "panic"
	reasonOversized = "oversized"
)

// Instrumentation records the use of one SDK, or the calls that one API server serves. It is safe for
// concurrent use.
type Instrumentation struct {
	identity Identity
	off      bool
	hosts    hostSet
	headers  identityHeaders
	config   *config
	drops    tally.Counter

	pipeline Pipeline // nil: none
	own      signals  // of the pipeline
	host     signals  // the host's copy

	endpoints endpoints
}

// signals is where one receiver of telemetry takes it; each part may be nil.
type signals struct {
	tracer      trace.Tracer
	logger      log.Logger
	instruments *instruments
}

// New makes an instrumentation. It is never nil: whatever goes wrong leaves one that does less.
func New(opts ...Option) *Instrumentation {
	in := &Instrumentation{config: &config{}, off: true}
	in.start(opts)
	return in
}

func (in *Instrumentation) start(opts []Option) {
	defer in.guard(signalTraces)
	c := newConfig(opts)
	in.config, in.identity = c, c.identity
	if c.disabled {
		return
	}
	in.hosts = newHostSet(c.hosts)
	in.headers = newIdentityHeaders(in.identity)
	in.off = false
	in.startHostCopy(c)
	in.startPipeline(c)
}

func (in *Instrumentation) startPipeline(c *config) {
	if c.startPipeline == nil {
		return
	}
	defer in.guard(signalTraces)
	p := c.startPipeline(in.identity)
	if p == nil {
		return
	}
	in.pipeline = p
	in.own.tracer = p.TracerProvider().Tracer(usageconv.ScopeName, trace.WithInstrumentationVersion(Version))
	in.own.logger = p.LoggerProvider().Logger(usageconv.ScopeName, log.WithInstrumentationVersion(Version))
	in.own.instruments = newInstruments(p.MeterProvider())
	in.observeDrops(p.MeterProvider())
}

// startHostCopy guards each provider by itself: a broken one must not take the others with it.
func (in *Instrumentation) startHostCopy(c *config) {
	in.try(signalTraces, func() {
		if c.hostTracers != nil {
			in.host.tracer = c.hostTracers.Tracer(usageconv.ScopeName, trace.WithInstrumentationVersion(Version))
		}
	})
	in.try(signalLogs, func() {
		if c.hostLoggers != nil {
			in.host.logger = c.hostLoggers.Logger(usageconv.ScopeName, log.WithInstrumentationVersion(Version))
		}
	})
	in.try(signalMetrics, func() {
		if c.hostMeters != nil {
			in.host.instruments = newInstruments(c.hostMeters)
		}
	})
}

// Enabled reports whether anything is recorded.
func (in *Instrumentation) Enabled() bool { return !in.off }

// Identity returns who uses the SDK, as resolved from options and environment. Its map must not be changed.
func (in *Instrumentation) Identity() Identity { return in.identity }

// Flush sends what is queued. It returns an error when some of it could not be delivered before ctx ended.
func (in *Instrumentation) Flush(ctx context.Context) error {
	if in.pipeline == nil {
		return nil
	}
	defer in.guard(signalTraces)
	return in.pipeline.Flush(ctx)
}

// Shutdown flushes and stops the private pipeline. It returns when ctx ends at the latest; what is then
// still queued is dropped and counted. The host's own providers are left alone.
func (in *Instrumentation) Shutdown(ctx context.Context) error {
	if in.pipeline == nil {
		return nil
	}
	defer in.guard(signalTraces)
	return in.pipeline.Shutdown(ctx)
}

// Dropped lists what was thrown away so far, and why. The same numbers are exported as the metric disco.sdk.dropped.
func (in *Instrumentation) Dropped() []Drop {
	drops := in.drops.Drops()
	if in.pipeline != nil {
		drops = append(drops, in.pipeline.Dropped()...)
	}
	return drops
}

// now reads the clock; a clock that panics is replaced by the real one.
func (in *Instrumentation) now(ctx context.Context) (t time.Time) {
	if in.config.clock == nil {
		return time.Now()
	}
	defer func() {
		if recover() != nil || t.IsZero() {
			t = time.Now()
		}
	}()
	return in.config.clock(ctx)
}

// guard is deferred wherever code that is not the caller's runs on the caller's goroutine.
func (in *Instrumentation) guard(signal string) {
	if recover() != nil {
		in.drops.Add(signal, reasonPanic, 1)
	}
}

func (in *Instrumentation) try(signal string, f func()) {
	defer in.guard(signal)
	f()
}
