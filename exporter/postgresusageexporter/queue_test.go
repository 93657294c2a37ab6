package postgresusageexporter

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// A sender that waits for its COMMIT must not keep the telemetry that it sent in memory: that is several times as large as
// the events made of it, and receivers hold on to it until they have answered.
func TestTelemetryIsLetGoOfBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	m, factory, ctx := newMemory(), NewFactory(), context.Background()
	tracesExporter, err := factory.CreateTraces(ctx, settings(), testConfig())
	require.NoError(t, err)
	logsExporter, err := factory.CreateLogs(ctx, settings(), testConfig())
	require.NoError(t, err)
	metricsExporter, err := factory.CreateMetrics(ctx, settings(), testConfig())
	require.NoError(t, err)
	for _, c := range []component.Component{tracesExporter, logsExporter, metricsExporter} {
		run(t, c, hostWith(m))
	}
	td, ld, md := spans(2), logs("a"), metrics()
	left := make(chan int, 3)
	m.set(func() error { left <- td.ResourceSpans().Len(); return nil })
	require.NoError(t, tracesExporter.ConsumeTraces(ctx, td))
	m.set(func() error { left <- ld.ResourceLogs().Len(); return nil })
	require.NoError(t, logsExporter.ConsumeLogs(ctx, ld))
	m.set(func() error { left <- md.ResourceMetrics().Len(); return nil })
	require.NoError(t, metricsExporter.ConsumeMetrics(ctx, md))
	for range 3 {
		require.Zero(t, <-left)
	}
	require.Equal(t, 3, m.stored())
	require.Equal(t, 1, m.totals)
}

// What a queue on disk holds when the collector ends is stored by the next one.
func TestQueueOnDiskSurvives(t *testing.T) {
	t.Parallel()
	ctx, kept := context.Background(), &disk{files: make(map[string]map[string][]byte)}
	away := newMemory()
	away.set(func() error { return errDown })
	first := onDisk(t, away, kept)
	require.NoError(t, first.Traces.ConsumeTraces(ctx, spans(3)), "acknowledged once it is on disk")
	require.NoError(t, first.Logs.ConsumeLogs(ctx, logs("a")))
	require.NoError(t, first.Metrics.ConsumeMetrics(ctx, metrics()))
	first.stop(t)
	require.Zero(t, away.stored())

	back := &watched{memory: newMemory(), wrote: make(chan int, 10)}
	second := onDisk(t, back, kept)
	for n := 0; n < 5; {
		n += <-back.wrote
	}
	second.stop(t)
	require.Equal(t, 4, back.stored())
	require.Equal(t, 1, back.totals)
}

type signals struct {
	exporter.Traces
	exporter.Logs
	exporter.Metrics
}

func onDisk(t *testing.T, store component.Component, kept *disk) *signals {
	t.Helper()
	ctx, id := context.Background(), component.MustNewID("file_storage")
	cfg := testConfig()
	cfg.RetryConfig.MaxElapsedTime = 0
	cfg.QueueConfig.Get().StorageID, cfg.QueueConfig.Get().WaitForResult = &id, false
	require.NoError(t, cfg.Validate())
	var s signals
	var err error
	s.Traces, err = NewFactory().CreateTraces(ctx, settings(), cfg)
	require.NoError(t, err)
	s.Logs, err = NewFactory().CreateLogs(ctx, settings(), cfg)
	require.NoError(t, err)
	s.Metrics, err = NewFactory().CreateMetrics(ctx, settings(), cfg)
	require.NoError(t, err)
	h := &host{extensions: map[component.ID]component.Component{storeID: store, id: kept}}
	for _, c := range s.all() {
		require.NoError(t, c.Start(ctx, h))
	}
	return &s
}

func (s *signals) all() []component.Component {
	return []component.Component{s.Traces, s.Logs, s.Metrics}
}

func (s *signals) stop(t *testing.T) {
	t.Helper()
	for _, c := range s.all() {
		require.NoError(t, c.Shutdown(context.Background()))
	}
}

// watched tells how many records were written.
type watched struct {
	*memory
	wrote chan int
}

func (w *watched) Writer() usage.Writer { return w }

func (w *watched) Write(ctx context.Context, batches ...*usage.Batch) (usage.Receipt, error) {
	r, err := w.memory.Write(ctx, batches...)
	n := 0
	for _, b := range batches {
		n += b.Len()
	}
	w.wrote <- n
	return r, err
}

// disk is a storage extension that outlives the exporters that use it.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	mu    sync.Mutex
	files map[string]map[string][]byte
}

var _ storage.Extension = (*disk)(nil)

func (d *disk) GetClient(_ context.Context, _ component.Kind, _ component.ID, name string) (storage.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] == nil {
		d.files[name] = make(map[string][]byte)
	}
	return &diskClient{disk: d, file: d.files[name]}, nil
}

type diskClient struct {
	disk *disk
	file map[string][]byte
}

func (c *diskClient) Get(ctx context.Context, key string) ([]byte, error) {
	get := storage.GetOperation(key)
	err := c.Batch(ctx, get)
	return get.Value, err
}

func (c *diskClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *diskClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *diskClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.disk.mu.Lock()
	defer c.disk.mu.Unlock()
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = slices.Clone(c.file[op.Key])
		case storage.Set:
			c.file[op.Key] = slices.Clone(op.Value)
		case storage.Delete:
			delete(c.file, op.Key)
		}
	}
	return nil
}

func (c *diskClient) Close(context.Context) error { return nil }
