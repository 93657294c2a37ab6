package requestlimitsextension

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// usualTraces is what an SDK sends at once: 512 spans with the attributes that our middleware gives them.
func usualTraces() ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "disco-api")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range 512 {
		s := spans.AppendEmpty()
		s.SetName("GET /payments/{id}")
		s.SetTraceID([16]byte{1, byte(i), byte(i >> 8)})
		s.SetSpanID([8]byte{1, byte(i), byte(i >> 8)})
		s.SetStartTimestamp(1_780_000_000_000_000_000)
		s.SetEndTimestamp(1_780_000_000_010_000_000)
		a := s.Attributes()
		for k, v := range map[string]string{
			"http.request.method": "GET", "http.route": "/payments/{id}", "url.path": "/payments/pay_123456789", "client.address": "192.0.2.17",
			"user_agent.original": "disco-sdk-go/1.0.0 (go1.26; linux/amd64)", "disco.sdk.name": "disco-sdk-go", "disco.sdk.version": "1.0.0",
			"disco.api_key.fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "disco.environment": "live",
			"disco.agent.id": fmt.Sprint("agt_", i), "server.address": "api.disco.example", "network.protocol.version": "1.1",
		} {
			a.PutStr(k, v)
		}
		a.PutInt("http.response.status_code", 200)
		a.PutInt("server.port", 443)
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

// BenchmarkWalk reports what the walk costs in comparison to the decoding behind it: "of_decoding" is a share of 1.
func BenchmarkWalk(b *testing.B) {
	traces, err := usualTraces().MarshalProto()
	require.NoError(b, err)
	run := func(b *testing.B, f func()) float64 {
		b.SetBytes(int64(len(traces)))
		b.ReportAllocs()
		for b.Loop() {
			f()
		}
		return float64(b.Elapsed()) / float64(b.N)
	}
	var decoding float64
	b.Run("decode", func(b *testing.B) {
		decoding = run(b, func() { _ = ptraceotlp.NewExportRequest().UnmarshalProto(traces) })
	})
	for name, piece := range map[string]int{"pieces of 4 KiB": 4 << 10, "whole": len(traces)} {
		b.Run(name, func(b *testing.B) {
			var w walk
			walking := run(b, func() {
				w.begin(tracesRequest, 64, 200_000)
				for rest := traces; len(rest) > 0; {
					n := min(piece, len(rest))
					_ = w.check(rest[:n])
					rest = rest[n:]
				}
			})
			b.ReportMetric(walking/decoding, "of_decoding")
		})
	}
}
