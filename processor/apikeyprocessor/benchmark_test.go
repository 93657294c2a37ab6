package apikeyprocessor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// One operation is one span, in batches of 512 with 14 attributes each; copying the batch anew is not counted.
func BenchmarkTraces(b *testing.B) {
	const size = 512
	bench := func(b *testing.B, ctx context.Context, td ptrace.Traces) {
		p := started(b, newKeyStore(), nopSettings())
		b.ReportAllocs()
		b.ResetTimer()
		for done := 0; done < b.N; done += size {
			b.StopTimer()
			batch := ptrace.NewTraces()
			td.CopyTo(batch)
			b.StartTimer()
			out, err := p.processTraces(ctx, batch)
			if err != nil || out.SpanCount() != size {
				b.Fatal(err, out.SpanCount())
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "spans/s")
	}
	b.Run("ordinary", func(b *testing.B) { bench(b, sentBy(aliceKey), fromSDK(batch(size, aliceKey))) })
	b.Run("trusted", func(b *testing.B) { bench(b, sentBy(platformKey), batch(size, aliceKey, bobKey, oldKey)) })
}

// fromSDK makes of spans what an SDK sends: it names itself and knows no client.
func fromSDK(td ptrace.Traces) ptrace.Traces {
	for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		span.Attributes().Remove("client.address")
		span.Attributes().PutStr("disco.sdk.name", "disco-sdk-go")
	}
	return td
}

// What has nothing to be taken off costs no allocation.
func TestCleanAllocatesNothing(t *testing.T) {
	td := batch(1)
	m := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	r := &request{sender: platformKey, trusted: true, owners: map[apikey.Fingerprint]*apikey.Identity{}}
	require.Zero(t, testing.AllocsPerRun(100, func() { r.clean(m) }))
}
