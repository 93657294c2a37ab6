package postgresusageexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/disco-platform/mirrorball/exporter/postgresusageexporter/internal/metadata"
	"github.com/disco-platform/mirrorball/exporter/postgresusageexporter/internal/metadatatest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func settings() exporter.Settings { return exportertest.NewNopSettings(metadata.Type) }

func TestSignalsReachTheStore(t *testing.T) {
	t.Parallel()
	m, factory := newMemory(), NewFactory()
	ctx := context.Background()
	traces, err := factory.CreateTraces(ctx, settings(), testConfig())
	require.NoError(t, err)
	logsExporter, err := factory.CreateLogs(ctx, settings(), testConfig())
	require.NoError(t, err)
	metricsExporter, err := factory.CreateMetrics(ctx, settings(), testConfig())
	require.NoError(t, err)
	for _, c := range []component.Component{traces, logsExporter, metricsExporter} {
		run(t, c, hostWith(m))
	}
	require.True(t, logsExporter.Capabilities().MutatesData)

	require.NoError(t, traces.ConsumeTraces(ctx, spans(3)))
	require.Equal(t, 3, m.stored(), "acknowledged means stored: by the time of the answer, not later")
	require.NoError(t, traces.ConsumeTraces(ctx, spans(3)))
	require.Equal(t, 3, m.stored())
	require.NoError(t, logsExporter.ConsumeLogs(ctx, logs("a")))
	require.Equal(t, 4, m.stored())
	require.NoError(t, metricsExporter.ConsumeMetrics(ctx, metrics()))
	require.Equal(t, 1, m.totals)
}

func TestRequestsAreMergedIntoBatches(t *testing.T) {
	t.Parallel()
	m := newMemory()
	cfg := testConfig()
	e, err := NewFactory().CreateTraces(context.Background(), settings(), cfg)
	require.NoError(t, err)
	run(t, e, hostWith(m))
	release := make(chan struct{})
	m.set(func() error { <-release; return nil }) // both consumers wait, so requests gather
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { assert.NoError(t, e.ConsumeTraces(context.Background(), spans(10))) })
	}
	close(release)
	all.Wait()
	require.Less(t, m.writes, 50)
	require.Equal(t, 10, m.stored())
}

// Ids are given to records while a request is still one request; in a merged batch they would come out differently.
func TestRecordsGetTheirIDsBeforeTheQueue(t *testing.T) {
	t.Parallel()
	e, err := NewFactory().CreateLogs(context.Background(), settings(), testConfig())
	require.NoError(t, err)
	run(t, e, hostWith(newMemory()))
	var ids []string
	for range 2 {
		ld := logs("a")
		rec := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		require.NoError(t, e.ConsumeLogs(context.Background(), ld))
		id, ok := rec.Attributes().Get("mirrorball.record_id")
		require.True(t, ok)
		ids = append(ids, id.Str())
	}
	require.Equal(t, ids[0], ids[1])
}

func TestStart(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]component.Host{
		"no extension":      componenttest.NewNopHost(),
		"is no usage_store": &host{extensions: map[component.ID]component.Component{storeID: struct{ component.Component }{}}},
	} {
		e, err := NewFactory().CreateTraces(context.Background(), settings(), testConfig())
		require.NoError(t, err)
		require.ErrorContains(t, e.Start(context.Background(), h), want)
		require.NoError(t, e.Shutdown(context.Background()))
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	e, err := NewFactory().CreateLogs(context.Background(), settings(), testConfig())
	require.NoError(t, err)
	require.NoError(t, e.Shutdown(context.Background()), "without Start")

	e, err = NewFactory().CreateLogs(context.Background(), settings(), testConfig())
	require.NoError(t, err)
	require.NoError(t, e.Start(context.Background(), hostWith(newMemory())))
	require.NoError(t, e.ConsumeLogs(context.Background(), logs("a")))
	require.NoError(t, e.Shutdown(context.Background()))
}

func TestErrorsSayWhetherToComeBackAndNothingElse(t *testing.T) {
	t.Parallel()
	m, h := newMemory(), hostWith(newMemory())
	h.extensions[storeID] = m
	e, err := NewFactory().CreateTraces(context.Background(), settings(), testConfig())
	require.NoError(t, err)
	run(t, e, h)

	m.set(func() error { return errDown })
	err = e.ConsumeTraces(context.Background(), spans(1))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.False(t, consumererror.IsPermanent(err))
	require.NotContains(t, err.Error(), "SELECT")
	require.Greater(t, m.writes, 1, "tried again before the sender is asked to")

	m.set(func() error { return usage.Permanent(errDown) })
	before := m.writes
	err = e.ConsumeTraces(context.Background(), spans(1))
	require.True(t, consumererror.IsPermanent(err))
	require.NotContains(t, err.Error(), "SELECT")
	require.Equal(t, before+1, m.writes)

	m.set(nil)
	require.NoError(t, e.ConsumeTraces(context.Background(), spans(1)))
	require.NoError(t, e.ConsumeTraces(context.Background(), spans(1)))
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, h.reported)
}

func TestRetryStoresTheSameBatch(t *testing.T) {
	t.Parallel()
	m := newMemory()
	e, err := NewFactory().CreateTraces(context.Background(), settings(), testConfig())
	require.NoError(t, err)
	run(t, e, hostWith(m))
	attempts := 0
	m.set(func() error {
		if attempts++; attempts < 3 {
			return errDown
		}
		return nil
	})
	require.NoError(t, e.ConsumeTraces(context.Background(), spans(2)))
	require.Equal(t, 2, m.stored())
	require.Equal(t, 3, m.writes)
}

func TestFullQueueAsksToComeBack(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.QueueConfig.Get().QueueSize = 1 // byte
	e, err := NewFactory().CreateTraces(context.Background(), settings(), cfg)
	require.NoError(t, err)
	run(t, e, hostWith(newMemory()))
	require.Equal(t, codes.Unavailable, status.Code(e.ConsumeTraces(context.Background(), spans(1))))
}

func TestTelemetry(t *testing.T) {
	t.Parallel()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := settings()
	set.TelemetrySettings = tel.NewTelemetrySettings()
	m := newMemory()
	e, err := NewFactory().CreateTraces(context.Background(), set, testConfig())
	require.NoError(t, err)
	run(t, e, hostWith(m))
	require.NoError(t, e.ConsumeTraces(context.Background(), spans(2)))
	td := spans(5) // two repeated, one new, one no request, one without an id
	list := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	list.At(3).SetKind(1)
	list.At(4).SetSpanID([8]byte{})
	require.NoError(t, e.ConsumeTraces(context.Background(), td))

	metadatatest.AssertEqualExporterPostgresUsageEvents(t, tel, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("outcome", "stored")), Value: 3},
		{Attributes: attribute.NewSet(attribute.String("outcome", "repeated")), Value: 2},
		{Attributes: attribute.NewSet(attribute.String("outcome", "rejected")), Value: 2},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterPostgresUsageRejections(t, tel, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("reason", "not_usage")), Value: 1},
		{Attributes: attribute.NewSet(attribute.String("reason", "no_id")), Value: 1},
	}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

var errPlanted = errors.New("planted")

// A collector that ends does not try again what has no time left, and its senders come back.
func TestEndIsNotHeldUpByRetries(t *testing.T) {
	t.Parallel()
	m := newMemory()
	m.set(func() error { return fmt.Errorf("%w: %w", usage.ErrEnding, context.DeadlineExceeded) })
	cfg := testConfig()
	cfg.RetryConfig.MaxElapsedTime = time.Hour
	e, err := NewFactory().CreateTraces(t.Context(), settings(), cfg)
	require.NoError(t, err)
	run(t, e, hostWith(m))
	err = e.ConsumeTraces(t.Context(), spans(1))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.False(t, consumererror.IsPermanent(err))
	require.Equal(t, 1, m.writes)
}
