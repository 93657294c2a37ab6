package usagepdata

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// What is made in memory that was used before is what is made in new memory. The race detector makes pools forgetful, hence
// the repetitions.
func TestReleasedMemoryIsEmpty(t *testing.T) {
	t.Parallel()
	full := attrs{
		"http.request.method": "POST", "http.route": "/payments/{id}", "http.response.status_code": 500, "disco.api_key.id": "key_alice",
		"disco.operation": "payments.create", "disco.agent.id": "a", "disco.service.id": "s", "error.type": "e", "disco.other": "kept",
		"disco.payment.amount": "1", "disco.payment.currency": "EUR", "user_agent.original": "ua", "client.address": "192.0.2.1",
		"geo.country.iso_code": "DE", "disco.sdk.name": "n", "disco.claimed.user.email": "eve@example.com", "http.request.resend_count": 3,
	}
	least := attrs{"http.request.method": "GET"}
	want := FromTraces(oneSpan(t, platform, least, ptrace.SpanKindServer, nil), options).Events
	for range 20 {
		undated := oneLog(t, platform, attrs{"event.name": "signup"}, func(rec plog.LogRecord) { rec.SetTimestamp(0) })
		used := FromTraces(oneSpan(t, platform, full, ptrace.SpanKindServer, nil), options)
		require.Equal(t, "/payments/{id}", used.Events[0].Route)
		other := FromLogs(undated, options)
		require.True(t, other.Events[0].Undated)
		Release(used)
		Release(other)
		require.Equal(t, want, FromTraces(oneSpan(t, platform, least, ptrace.SpanKindServer, nil), options).Events)
	}
}

// Both parts of a batch that was cut can be released, and used again, apart.
func TestPartsOfABatchShareNoEvents(t *testing.T) {
	t.Parallel()
	whole := &usage.Batch{Events: make([]usage.Event, 4)}
	head, tail := Split(whole, 2)
	head.Events = append(head.Events, usage.Event{Name: "more"})
	tail.Events[1].Name = "changed"
	require.Empty(t, tail.Events[0].Name)
	require.Empty(t, whole.Events[3].Name)
}
