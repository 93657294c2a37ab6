package main

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// testStream has customers that were never registered.
func testStream(t *testing.T, customers, history int) *stream {
	t.Helper()
	all := make([]customer, customers)
	for i := range all {
		all[i] = nameCustomer(i)
		all[i].fingerprint = hex.EncodeToString([]byte(strings.Repeat(string(rune('a'+i%20)), 32)))
		all[i].key = "dk_live_x"
	}
	s, err := newStream(all, history, time.Now())
	require.NoError(t, err)
	return s
}

func TestPayloadSaysWhatTheEventsAre(t *testing.T) {
	t.Parallel()
	s := testStream(t, 1234, 100)
	var buf []byte
	seen := map[string]bool{}
	for _, request := range []int{0, 1, numberOfTemplates, 99} {
		buf = s.payload(buf, request)
		r := ptraceotlp.NewExportRequest()
		require.NoError(t, r.UnmarshalProto(buf))
		spans := r.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		require.Equal(t, spansPerRequest, spans.Len())
		for j, span := range spans.All() {
			e := s.event(request, j)
			c := s.customers[e.customer]
			require.Equal(t, ptrace.SpanKindServer, span.Kind())
			require.Equal(t, pcommon.TraceID(e.trace), span.TraceID())
			require.Equal(t, pcommon.SpanID(e.span), span.SpanID())
			require.Equal(t, e.time.UTC(), span.StartTimestamp().AsTime())
			require.Equal(t, e.call.took, span.EndTimestamp().AsTime().Sub(span.StartTimestamp().AsTime()))
			require.Subset(t, span.Attributes().AsRaw(), map[string]any{
				"http.request.method": e.call.method, "http.route": e.call.route, "http.response.status_code": int64(e.call.status),
				"user_agent.original": e.profile.userAgent, "client.address": e.profile.address, "disco.operation": e.call.operation,
				"disco.claimed.user.email": c.email, "disco.claimed.organization.name": c.organization,
				"disco.api_key.fingerprint": c.fingerprint,
			})
			if amount, ok := span.Attributes().Get("disco.payment.amount"); ok {
				fee, _ := span.Attributes().Get("disco.payment.fee")
				currency, _ := span.Attributes().Get("disco.payment.currency")
				_, err := usage.ParsePayment(amount.Str(), fee.Str(), currency.Str())
				require.NoError(t, err)
			}
			id := span.TraceID().String() + span.SpanID().String()
			require.False(t, seen[id], "an id is used twice")
			seen[id] = true
		}
	}
}

func TestStreamIsLikeAPlatform(t *testing.T) {
	t.Parallel()
	const history = 2000
	s := testStream(t, 10_000, history)
	require.WithinDuration(t, time.Now(), s.event(history-1, spansPerRequest-1).time, time.Minute, "history ends now")

	customers, kinds := map[int]bool{}, map[int]*profile{}
	var payments, failed, agents int
	for request := range history {
		named := map[int]bool{}
		for j := range spansPerRequest {
			e := s.event(request, j)
			customers[e.customer], named[e.customer] = true, true
			if was := kinds[e.customer]; was != nil {
				require.Equal(t, *was, *e.profile, "a customer keeps its software and place")
			}
			kinds[e.customer] = e.profile
			if e.call.amount != "" {
				payments++
			}
			if e.call.status >= 400 {
				failed++
			}
			if e.call.agent != "" {
				agents++
			}
		}
		require.LessOrEqual(t, len(named), customersPerRequest)
	}
	const events = history * spansPerRequest
	require.Greater(t, len(customers), 8000, "20,000 turns among 10,000 customers")
	require.InDelta(t, 0.21, float64(payments)/events, 0.02)
	require.InDelta(t, 0.04, float64(failed)/events, 0.01)
	require.InDelta(t, 0.5, float64(agents)/events, 0.02)
}

func BenchmarkPayload(b *testing.B) {
	s, err := newStream([]customer{{fingerprint: strings.Repeat("a", 64)}}, 1, time.Now())
	require.NoError(b, err)
	for i := range s.templates {
		s.templates[i].kind = [customersPerRequest]int{}
	}
	buf := s.payload(nil, 0)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		buf = s.payload(buf, 0)
	}
}
