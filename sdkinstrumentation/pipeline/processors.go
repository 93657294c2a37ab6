package pipeline

import (
	"context"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spanProcessor queues spans that ended. Flush and shutdown go to the batcher directly.
type spanProcessor struct {
	*batcher[sdktrace.ReadOnlySpan]
}

func (spanProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (p spanProcessor) OnEnd(s sdktrace.ReadOnlySpan)                 { p.add(s) }
func (p spanProcessor) ForceFlush(ctx context.Context) error          { return p.flush(ctx) }
func (p spanProcessor) Shutdown(ctx context.Context) error            { return p.shutdown(ctx) }

// spanLimits do not depend on the host's OTEL_SPAN_* variables. Nothing needs to be cut: the instrumentation bounds
// what it records.
var spanLimits = sdktrace.SpanLimits{
	AttributeValueLengthLimit:   -1,
	AttributeCountLimit:         -1,
	EventCountLimit:             0,
	LinkCountLimit:              0,
	AttributePerEventCountLimit: 0,
	AttributePerLinkCountLimit:  0,
}

// logProcessor queues custom events.
type logProcessor struct {
	*batcher[sdklog.Record]
}

func (p logProcessor) OnEmit(_ context.Context, r *sdklog.Record) error {
	p.add(r.Clone())
	return nil
}
func (logProcessor) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (p logProcessor) ForceFlush(ctx context.Context) error                 { return p.flush(ctx) }
func (p logProcessor) Shutdown(ctx context.Context) error                   { return p.shutdown(ctx) }

// aggregation makes histograms exponential: they need no buckets chosen ahead.
func aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if kind == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	}
	return sdkmetric.DefaultAggregationSelector(kind)
}

// quietMetrics keeps failed exports from the host's standard error. Nothing is lost by one: the sums are
// cumulative, and the next export has them all.
type quietMetrics struct{ sdkmetric.Exporter }

func (q quietMetrics) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	defer func() { _ = recover() }() // a bug below must not end the host's process
	_ = q.Exporter.Export(ctx, rm)
	return nil
}
