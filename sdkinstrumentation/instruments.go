package sdkinstrumentation

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// instruments are the metrics of one meter provider.
type instruments struct {
	clientDuration metric.Float64Histogram
	serverDuration metric.Float64Histogram
	requestSize    metric.Int64Histogram
	responseSize   metric.Int64Histogram
	operations     metric.Int64Counter
}

// newInstruments ignores errors: the API returns a working instrument, if only one that does nothing, beside each.
func newInstruments(mp metric.MeterProvider) *instruments {
	m := mp.Meter(usageconv.ScopeName, metric.WithInstrumentationVersion(Version))
	i := &instruments{}
	i.clientDuration, _ = m.Float64Histogram(usageconv.MetricClientDuration, metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP attempts, until the response's headers arrived."))
	i.serverDuration, _ = m.Float64Histogram(usageconv.MetricServerDuration, metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP requests served."))
	i.requestSize, _ = m.Int64Histogram(usageconv.MetricClientRequestSize, metric.WithUnit("By"),
		metric.WithDescription("Size of request bodies whose length was known when they were sent."))
	i.responseSize, _ = m.Int64Histogram(usageconv.MetricClientResponseSize, metric.WithUnit("By"),
		metric.WithDescription("Size of response bodies: as announced, else as read."))
	i.operations, _ = m.Int64Counter(usageconv.MetricOperations, metric.WithUnit("{operation}"),
		metric.WithDescription("Finished operations of the SDK."))
	return i
}

// each records with the pipeline's instruments and the host's, each guarded by itself.
func (in *Instrumentation) each(record func(*instruments)) {
	for _, i := range [...]*instruments{in.own.instruments, in.host.instruments} {
		if i != nil {
			in.record(i, record)
		}
	}
}

func (in *Instrumentation) record(i *instruments, record func(*instruments)) {
	defer in.guard(signalMetrics)
	record(i)
}

// observeDrops reports the counts of Dropped at each collection.
func (in *Instrumentation) observeDrops(mp metric.MeterProvider) {
	m := mp.Meter(usageconv.ScopeName, metric.WithInstrumentationVersion(Version))
	_, _ = m.Int64ObservableCounter(usageconv.MetricDropped, metric.WithUnit("{item}"),
		metric.WithDescription("Telemetry that the SDK threw away."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for _, d := range in.Dropped() {
				o.Observe(d.Count, metric.WithAttributes(
					attribute.String(usageconv.DropSignal, d.Signal),
					attribute.String(usageconv.DropReason, d.Reason)))
			}
			return nil
		}))
}
