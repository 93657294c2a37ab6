package postgresusageexporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/exporter/postgresusageexporter/internal/metadata"
	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// usageExporter stands behind the queue of one signal.
type usageExporter struct {
	cfg       *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	now       func() time.Time

	writer usage.Writer
	window usage.Window
	health *health
}

func newUsageExporter(set exporter.Settings, cfg *Config) (*usageExporter, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("cannot make the exporter's metrics: %w", err)
	}
	return &usageExporter{cfg: cfg, logger: set.Logger, telemetry: telemetry, now: time.Now}, nil
}

func (e *usageExporter) start(_ context.Context, host component.Host) error {
	store, err := usagestoreextension.Find(host, e.cfg.Store)
	if err != nil {
		return err
	}
	e.writer, e.window = store.Writer(), store.Window()
	e.health = &health{host: host, logger: e.logger}
	return nil
}

func (e *usageExporter) shutdown(context.Context) error {
	e.telemetry.Shutdown()
	return nil
}

// What senders and the log are told. The causes stay in health's log line: senders are strangers.
var (
	errAway    = errors.New("usage cannot be stored at the moment")
	errRefused = errors.New("usage cannot be stored")
)

// write stores batches together. Its errors tell the helper whether the same batches are worth another try.
func (e *usageExporter) write(ctx context.Context, batches ...*usage.Batch) error {
	records := 0
	for _, b := range batches {
		records += b.Len()
	}
	if records == 0 {
		return nil
	}
	receipt, err := e.writer.Write(ctx, batches...)
	switch {
	case err == nil:
		e.health.back()
		e.record(ctx, batches, receipt)
		return nil
	case usage.IsPermanent(err):
		e.logger.Error("Cannot store a batch, and trying again would not help", zap.Int("records", records), zap.Error(err))
		return consumererror.NewPermanent(errRefused)
	case errors.Is(ctx.Err(), context.Canceled):
		return errAway // the sender went away, which says nothing about the store
	}
	e.health.away(err)
	if errors.Is(err, usage.ErrEnding) {
		return e.withoutRetry(errAway)
	}
	return errAway
}

// withoutRetry has the helper give a batch up at once. Its senders are told to come back all the same, which they would not be
// after a permanent error. A queue on disk never gives up; it keeps the batch for the next start.
func (e *usageExporter) withoutRetry(err error) error {
	return exporterhelper.NewThrottleRetry(err, e.cfg.RetryConfig.MaxElapsedTime+time.Second)
}

var (
	outcomeStored   = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "stored")))
	outcomeRepeated = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "repeated")))
	outcomeRejected = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "rejected")))
)

// record counts what became of committed batches.
func (e *usageExporter) record(ctx context.Context, batches []*usage.Batch, receipt usage.Receipt) {
	events := e.telemetry.ExporterPostgresUsageEvents
	events.Add(ctx, int64(receipt.Stored), outcomeStored)
	events.Add(ctx, int64(receipt.Repeated), outcomeRepeated)
	events.Add(ctx, int64(receipt.Rejected), outcomeRejected)
	for _, b := range batches {
		for _, refused := range [][]usage.Rejection{b.Rejections, b.Notes} {
			for i := range refused {
				reason := metric.WithAttributes(attribute.String("reason", string(refused[i].Reason)))
				e.telemetry.ExporterPostgresUsageRejections.Add(ctx, int64(refused[i].Count), reason)
			}
		}
	}
}
