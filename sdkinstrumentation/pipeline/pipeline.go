// Package pipeline carries the telemetry of one instrumentation to the platform's collector, over OTLP/HTTP and apart
// from the host's own OpenTelemetry SDK.
//
// Spans and custom events wait in bounded queues, metrics are sent once a minute. While the collector is away its
// queue fills, the exporters retry, and what does not fit any more is dropped and counted; nobody ever
// waits. The API key authenticates each export as a Bearer token and is part of nothing else.
package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/tally"
)

// Start makes an instrumentation with a pipeline of its own, configured by the options and the environment.
func Start(opts ...sdkinstrumentation.Option) *sdkinstrumentation.Instrumentation {
	return sdkinstrumentation.New(append([]sdkinstrumentation.Option{sdkinstrumentation.WithPipeline(OTLP())}, opts...)...)
}

// OTLP returns what sdkinstrumentation.WithPipeline wants. Use it instead of [Start] to set options of the pipeline.
func OTLP(opts ...Option) func(sdkinstrumentation.Identity) sdkinstrumentation.Pipeline {
	return func(id sdkinstrumentation.Identity) sdkinstrumentation.Pipeline {
		p, err := newPipeline(id, opts)
		if err != nil {
			return nil // only a bug gets here: the exporters do not connect when they are made
		}
		return p
	}
}

// Pipeline implements sdkinstrumentation.Pipeline.
type Pipeline struct {
	drops    tally.Counter
	delivery *delivery
	spans    *batcher[sdktrace.ReadOnlySpan]
	logs     *batcher[sdklog.Record]

	tracers *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
	loggers *sdklog.LoggerProvider

	stop sync.Once
	err  error
}

func newPipeline(id sdkinstrumentation.Identity, opts []Option) (*Pipeline, error) {
	c := newConfig(opts)
	p := &Pipeline{delivery: newDelivery(id.APIKey, c.base, c.timeout)}
	client := p.delivery.client()
	spans := &spanExporter{client: newSpanClient(id.Endpoint, c, client)}
	logExporter, err1 := newLogExporter(id.Endpoint, c, client)
	metricExporter, err2 := newMetricExporter(id.Endpoint, c, client)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	p.spans = newBatcher("traces", c.spanQueue, spans.export, &p.drops)
	p.logs = newBatcher("logs", c.logQueue, logExporter.Export, &p.drops)
	res := newResource(id)
	p.tracers = sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithRawSpanLimits(spanLimits),
		sdktrace.WithSpanProcessor(spanProcessor{p.spans}))
	p.loggers = sdklog.NewLoggerProvider(
		sdklog.WithResource(res),
		sdklog.WithProcessor(logProcessor{p.logs}))
	p.meters = sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(res),
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(
			quietMetrics{metricExporter}, sdkmetric.WithInterval(c.metricInterval))))
	return p, nil
}

// TracerProvider records every span.
func (p *Pipeline) TracerProvider() trace.TracerProvider { return p.tracers }

// MeterProvider aggregates histograms exponentially.
func (p *Pipeline) MeterProvider() metric.MeterProvider { return p.meters }

// LoggerProvider takes custom events.
func (p *Pipeline) LoggerProvider() log.LoggerProvider { return p.loggers }

// Dropped lists what was thrown away.
func (p *Pipeline) Dropped() []sdkinstrumentation.Drop { return p.drops.Drops() }

// shutdownTimeout bounds Flush and Shutdown with a context that has no end: a host must get to exit.
const shutdownTimeout = 5 * time.Second

// Flush sends all that is queued now.
func (p *Pipeline) Flush(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return together(
		func() error { return p.spans.flush(ctx) },
		func() error { return p.logs.flush(ctx) },
		func() error { return inTime(ctx, p.meters.ForceFlush) })
}

// Shutdown flushes and stops. It returns when ctx ends, or after 5 seconds if it has no deadline.
func (p *Pipeline) Shutdown(ctx context.Context) error {
	p.stop.Do(func() {
		ctx, cancel := bounded(ctx)
		defer cancel()
		p.err = together(
			func() error { return p.spans.shutdown(ctx) },
			func() error { return p.logs.shutdown(ctx) })
		// Metrics go last: they report what the others dropped.
		p.err = errors.Join(p.err, inTime(ctx, p.meters.Shutdown))
		p.delivery.close()
	})
	return p.err
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, shutdownTimeout)
}

// inTime returns when ctx ends at the latest, whether or not f keeps its own promise to do so.
func inTime(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// together runs the functions at the same time and waits for all.
func together(fs ...func() error) error {
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}
