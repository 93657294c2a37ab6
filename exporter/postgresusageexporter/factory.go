package postgresusageexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"github.com/disco-platform/mirrorball/exporter/postgresusageexporter/internal/metadata"
)

// NewFactory makes the factory of the postgres_usage exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(metadata.Type, createDefaultConfig,
		exporter.WithTraces(createTraces, metadata.TracesStability),
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
		exporter.WithLogs(createLogs, metadata.LogsStability),
	)
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	e, err := newUsageExporter(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	queued, err := e.queuedTraces(ctx, set)
	if err != nil {
		return nil, err
	}
	return tracesFront{queued, e.onDisk()}, nil
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	e, err := newUsageExporter(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	queued, err := e.queuedMetrics(ctx, set)
	if err != nil {
		return nil, err
	}
	return metricsFront{queued}, nil
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	e, err := newUsageExporter(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	queued, err := e.queuedLogs(ctx, set)
	if err != nil {
		return nil, err
	}
	return logsFront{queued}, nil
}
