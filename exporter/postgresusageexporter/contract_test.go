package postgresusageexporter

import (
	"context"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"

	"github.com/disco-platform/mirrorball/exporter/postgresusageexporter/internal/metadata"
	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// The collector's own contract for exporters: what succeeds is delivered, what fails for good is given up, what fails
// for a while is tried again. Its far end speaks pdata, so the store here turns events back into log records.
func TestConsumeContract(t *testing.T) {
	t.Parallel()
	far := &farEnd{}
	exportertest.CheckConsumeContract(exportertest.CheckConsumeContractParams{
		T: t, NumberOfTestElements: 10, Signal: pipeline.SignalLogs,
		ExporterFactory: exporter.NewFactory(metadata.Type, createDefaultConfig,
			exporter.WithLogs(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
				e, err := createLogs(ctx, set, cfg)
				return nearEnd{e, far}, err
			}, component.StabilityLevelAlpha)),
		ExporterConfig: patientConfig(),
		ReceiverFactory: receiver.NewFactory(component.MustNewType("far"), func() component.Config { return nil },
			receiver.WithLogs(func(_ context.Context, _ receiver.Settings, _ component.Config, next consumer.Logs) (receiver.Logs, error) {
				far.next = next
				return far, nil
			}, component.StabilityLevelAlpha)),
	})
}

func patientConfig() *Config {
	cfg := testConfig()
	cfg.RetryConfig.MaxElapsedTime = 0
	return cfg
}

// nearEnd gives the exporter its store and names the contract's records, which have no event name.
type nearEnd struct {
	exporter.Logs
	far *farEnd
}

func (n nearEnd) Start(ctx context.Context, _ component.Host) error {
	return n.Logs.Start(ctx, &host{extensions: map[component.ID]component.Component{storeID: n.far}})
}

func (n nearEnd) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetEventName("contract")
	return n.Logs.ConsumeLogs(ctx, ld)
}

// farEnd is a store that hands events on.
type farEnd struct {
	component.StartFunc
	component.ShutdownFunc
	usagestoreextension.Store
	next consumer.Logs
}

func (f *farEnd) Writer() usage.Writer { return f }
func (f *farEnd) Window() usage.Window { return usage.DefaultWindow }

func (f *farEnd) Write(ctx context.Context, batches ...*usage.Batch) (usage.Receipt, error) {
	ld := plog.NewLogs()
	list := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, b := range batches {
		for _, e := range b.Events {
			rec := list.AppendEmpty()
			rec.SetTimestamp(pcommon.NewTimestampFromTime(e.Time))
			for k, v := range e.Attributes {
				rec.Attributes().PutStr(k, v)
			}
		}
	}
	err := f.next.ConsumeLogs(ctx, ld)
	if consumererror.IsPermanent(err) {
		return usage.Receipt{}, usage.Permanent(err)
	}
	return usage.Receipt{Stored: list.Len()}, err
}
