package postgresusageexporter

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/usage"
)

var storeID = component.MustNewID("usage_store")

// memory is an idempotent writer, as the contract of usage.Writer wants it. It is also the store extension.
type memory struct {
	component.StartFunc
	component.ShutdownFunc
	usagestoreextension.Store

	mu     sync.Mutex
	events map[usage.ID]usage.Event
	totals int
	writes int
	fail   func() error // nil: every write succeeds
}

func newMemory() *memory { return &memory{events: make(map[usage.ID]usage.Event)} }

func (m *memory) Writer() usage.Writer { return m }
func (m *memory) Window() usage.Window { return usage.DefaultWindow }

func (m *memory) Write(ctx context.Context, batches ...*usage.Batch) (usage.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	if err := ctx.Err(); err != nil {
		return usage.Receipt{}, err
	}
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return usage.Receipt{}, err
		}
	}
	var r usage.Receipt
	for _, b := range batches {
		for _, e := range b.Events {
			if _, ok := m.events[e.ID]; ok {
				r.Repeated++
				continue
			}
			m.events[e.ID] = e
			r.Stored++
		}
		m.totals += len(b.Totals)
		r.Stored += len(b.Totals)
		r.Rejected += b.Len()
	}
	r.Rejected -= r.Stored + r.Repeated
	return r, nil
}

func (m *memory) set(fail func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

func (m *memory) stored() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

var errDown = errors.New("dial tcp 10.0.0.1:5432: connection refused, SELECT secret FROM api_keys")

// host has the store among its extensions and takes note of what components report.
type host struct {
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	reported   []componentstatus.Status
}

func hostWith(m *memory) *host {
	return &host{extensions: map[component.ID]component.Component{storeID: m}}
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reported = append(h.reported, e.Status())
}

func testConfig() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Store = storeID
	cfg.RetryConfig.InitialInterval = time.Millisecond
	cfg.RetryConfig.MaxInterval = 2 * time.Millisecond
	cfg.RetryConfig.MaxElapsedTime = 20 * time.Millisecond
	cfg.QueueConfig.Get().Batch.Get().FlushTimeout = time.Millisecond
	return cfg
}

func spans(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("mirrorball.reporter", "key_platform")
	rs.Resource().Attributes().PutBool("mirrorball.trusted", true)
	list := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := list.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1})
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.Attributes().PutStr("http.request.method", "GET")
	}
	return td
}

func logs(name string) plog.Logs {
	ld := plog.NewLogs()
	rec := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	rec.SetEventName(name)
	return ld
}

func metrics() pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("m")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	p.SetIntValue(1)
	return md
}

func run(t *testing.T, c component.Component, h component.Host) {
	t.Helper()
	require.NoError(t, c.Start(context.Background(), h))
	t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
}
