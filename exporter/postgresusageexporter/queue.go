package postgresusageexporter

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
	"github.com/disco-platform/mirrorball/internal/usagepdata"
)

// A queue in memory holds requests that were converted when they came; the telemetry is let go of before its sender is
// answered. A queue on disk holds OTLP, as the Collector writes it, and is converted when it is read.

func (e *usageExporter) queuedTraces(ctx context.Context, set exporter.Settings) (exporter.Traces, error) {
	if e.onDisk() {
		push := func(ctx context.Context, td ptrace.Traces) error {
			return e.write(ctx, usagepdata.FromTraces(td, e.conversion()))
		}
		return exporterhelper.NewTraces(ctx, set, e.cfg, push, e.diskOptions()...)
	}
	convert := func(ctx context.Context, td ptrace.Traces) (xexporterhelper.Request, error) {
		options := e.conversion()
		options.Packed = packed.FromContext(ctx)
		r := newRequest(usagepdata.FromTraces(td, options))
		td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
		return r, nil
	}
	return xexporterhelper.NewTracesRequest(ctx, set, convert, e.push, e.memoryOptions()...)
}

func (e *usageExporter) queuedMetrics(ctx context.Context, set exporter.Settings) (exporter.Metrics, error) {
	if e.onDisk() {
		push := func(ctx context.Context, md pmetric.Metrics) error {
			return e.write(ctx, usagepdata.FromMetrics(md, e.conversion()))
		}
		return exporterhelper.NewMetrics(ctx, set, e.cfg, push, e.diskOptions()...)
	}
	convert := func(_ context.Context, md pmetric.Metrics) (xexporterhelper.Request, error) {
		r := newRequest(usagepdata.FromMetrics(md, e.conversion()))
		md.ResourceMetrics().RemoveIf(func(pmetric.ResourceMetrics) bool { return true })
		return r, nil
	}
	return xexporterhelper.NewMetricsRequest(ctx, set, convert, e.push, e.memoryOptions()...)
}

func (e *usageExporter) queuedLogs(ctx context.Context, set exporter.Settings) (exporter.Logs, error) {
	if e.onDisk() {
		push := func(ctx context.Context, ld plog.Logs) error {
			return e.write(ctx, usagepdata.FromLogs(ld, e.conversion()))
		}
		return exporterhelper.NewLogs(ctx, set, e.cfg, push, e.diskOptions()...)
	}
	convert := func(_ context.Context, ld plog.Logs) (xexporterhelper.Request, error) {
		r := newRequest(usagepdata.FromLogs(ld, e.conversion()))
		ld.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
		return r, nil
	}
	return xexporterhelper.NewLogsRequest(ctx, set, convert, e.push, e.memoryOptions()...)
}

func (e *usageExporter) onDisk() bool {
	return e.cfg.QueueConfig.HasValue() && e.cfg.QueueConfig.Get().StorageID != nil
}

func (e *usageExporter) diskOptions() []exporterhelper.Option {
	return append(e.options(), exporterhelper.WithQueue(e.cfg.QueueConfig))
}

func (e *usageExporter) memoryOptions() []exporterhelper.Option {
	return append(e.options(), xexporterhelper.WithQueueBatch(e.cfg.QueueConfig, xexporterhelper.QueueBatchSettings{}))
}

// options of both queues. Converting takes the telemetry away, and the front of logs stamps them: both change what they
// are given.
func (e *usageExporter) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(e.start),
		exporterhelper.WithShutdown(e.shutdown),
		exporterhelper.WithTimeout(e.cfg.TimeoutConfig),
		exporterhelper.WithRetry(e.cfg.RetryConfig),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
	}
}

func (e *usageExporter) conversion() usagepdata.Options {
	return usagepdata.Options{Window: e.window, Now: e.now()}
}

// push stores a request. What failed may come again, also with the same memory; what is stored does not.
func (e *usageExporter) push(ctx context.Context, queued xexporterhelper.Request) error {
	r := queued.(*request)
	usagepdata.Gather(r.parts)
	if err := e.write(ctx, r.parts...); err != nil {
		return err
	}
	r.release()
	return nil
}
