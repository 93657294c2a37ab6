package usagepdata

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// BenchmarkFromTraces converts 512 server spans as the platform's middleware sends them: 14 attributes each, one
// in four with a payment. ns/op divided by 512 is the cost of a span.
func BenchmarkFromTraces(b *testing.B) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	fill(b, rs.Resource().Attributes(), platform)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range 512 {
		record := attrs{
			"http.request.method": "POST", "http.route": "/payments/{id}", "http.response.status_code": 201, "url.path": "/payments/42",
			"disco.api_key.id": "key_alice", "disco.api_key.fingerprint": fingerprint, "user.email": "alice@example.com",
			"disco.organization.name": "Wonder", "disco.claimed.user.email": "alice@example.com",
			"disco.operation": "payments.create", "disco.agent.id": "agt_1",
			"user_agent.original": "disco-sdk-go/1.2.0 (go1.26; linux/amd64)", "client.address": "203.0.113.7", "geo.country.iso_code": "DE",
		}
		if i%4 == 0 {
			record["disco.payment.amount"], record["disco.payment.currency"] = "12.50", "EUR"
		}
		one := oneSpan(b, platform, record, ptrace.SpanKindServer, func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1}) })
		one.ResourceSpans().At(0).ScopeSpans().At(0).Spans().MoveAndAppendTo(spans)
	}
	b.Run("spans_512", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			batch := FromTraces(td, options)
			if len(batch.Events) != 512 {
				b.Fatal(batch.Rejections)
			}
			Release(batch)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*512), "ns/span")
	})
}
