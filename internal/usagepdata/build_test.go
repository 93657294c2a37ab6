package usagepdata

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/usage"
)

var (
	now     = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	options = Options{Window: usage.DefaultWindow, Now: now}
)

// attrs are attributes in the short form of these tests.
type attrs = map[string]any

func fill(t testing.TB, m pcommon.Map, a attrs) {
	t.Helper()
	require.NoError(t, m.FromRaw(a))
}

// platform and customer are resources as the api_key processor leaves them.
var (
	platform = attrs{"mirrorball.reporter": "key_platform", "mirrorball.trusted": true, "disco.api_key.id": "key_platform"}
	customer = attrs{
		"mirrorball.reporter": "key_alice", "mirrorball.trusted": false, "disco.api_key.id": "key_alice",
		"user.email": "alice@example.com", "disco.organization.name": "Wonder", "disco.sdk.name": "disco-sdk-go",
	}
)

// oneSpan is a good request of 250.0009 ms; change is called on it.
func oneSpan(t testing.TB, resource, record attrs, kind ptrace.SpanKind, change func(ptrace.Span)) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	fill(t, rs.Resource().Attributes(), resource)
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{2})
	span.SetKind(kind)
	start := now.Add(-time.Minute).Add(1500 * time.Nanosecond)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(250*time.Millisecond + 900*time.Nanosecond)))
	fill(t, span.Attributes(), record)
	if change != nil {
		change(span)
	}
	return td
}

func oneLog(t testing.TB, resource, record attrs, change func(plog.LogRecord)) plog.Logs {
	t.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	fill(t, rl.Resource().Attributes(), resource)
	rec := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	rec.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Minute)))
	fill(t, rec.Attributes(), record)
	if change != nil {
		change(rec)
	}
	return ld
}
