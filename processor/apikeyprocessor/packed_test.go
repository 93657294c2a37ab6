package apikeyprocessor

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/internal/usagepdata"
)

var receipt = usagepdata.Options{Window: usage.DefaultWindow, Now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}

func wire(tb testing.TB, td ptrace.Traces) []byte {
	tb.Helper()
	b, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	require.NoError(tb, err)
	return b
}

func decoded(tb testing.TB, body []byte) ptrace.Traces {
	tb.Helper()
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(body)
	require.NoError(tb, err)
	return td
}

// pack packs a copy of a body.
func pack(tb testing.TB, b []byte) (*packed.Request, []byte, bool) {
	tb.Helper()
	sent, err := packed.Read(bytes.NewReader(b), int64(len(b)))
	require.NoError(tb, err)
	return packed.Pack(sent)
}

// sameEvents requires of a request that can be packed that it brings the same events, rejections and notes as it does when
// its spans are decoded. It says whether it can be packed.
func sameEvents(t *testing.T, p *apiKeyProcessor, body []byte) bool {
	t.Helper()
	carried, small, ok := pack(t, body)
	if !ok {
		return false
	}
	defer carried.Close()
	if _, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(body); err != nil {
		return false
	}
	ctx := sentBy(platformKey)
	plain, err := p.processTraces(ctx, decoded(t, body))
	require.NoError(t, err)
	want := usagepdata.FromTraces(plain, receipt)

	options := receipt
	options.Packed = carried
	td, err := p.processTraces(packed.NewContext(ctx, carried), decoded(t, small))
	require.NoError(t, err)
	require.NoError(t, usagepdata.CheckCarriers(td, carried))
	got := usagepdata.FromTraces(td, options)
	require.Equal(t, want, got)
	require.Equal(t, carried.Spans(), got.Len())

	require.NoError(t, usagepdata.Unpack(td, carried))
	require.Equal(t, carried.Spans(), td.SpanCount())
	require.Equal(t, want, usagepdata.FromTraces(td, receipt))
	return true
}

// oddSpans are spans with all that a span of the platform may have, right and wrong.
func oddSpans(dice *rand.Rand) ptrace.Traces {
	pick := func(values ...any) any { return values[dice.IntN(len(values))] }
	td := ptrace.NewTraces()
	for range 1 + dice.IntN(2) {
		rs := td.ResourceSpans().AppendEmpty()
		res := rs.Resource().Attributes()
		for name, value := range map[string]any{
			"disco.api_key.fingerprint":    pick(aliceKey.Fingerprint.String(), bobKey.Fingerprint.String(), "", "nonsense"),
			"disco.sdk.name":               pick("", "disco-sdk-go"),
			"user_agent.original":          "acme-sdk-go/1.0",
			"user.email":                   "eve@example.com",
			"disco.organization.name":      "Eve",
			"geo.country.iso_code":         "FR",
			"disco.user.metadata.team":     "blue",
			"disco.claimed.user.email":     "carl@example.com",
			"mirrorball.reporter":          "forged",
			"mirrorball.packed.resource":   0,
			"service.name":                 "disco-api",
			"disco.claimed.environment":    "live",
			"http.request.header.x-secret": "x",
		} {
			if dice.IntN(3) == 0 {
				setRaw(res.PutEmpty(name), value)
			}
		}
		for range 1 + dice.IntN(2) {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName("scope")
			for range dice.IntN(5) {
				oddSpan(dice, ss.Spans().AppendEmpty())
			}
		}
	}
	return td
}

func setRaw(v pcommon.Value, raw any) {
	if err := v.FromRaw(raw); err != nil {
		panic(err)
	}
}

func oddSpan(dice *rand.Rand, span ptrace.Span) {
	pick := func(values ...any) any { return values[dice.IntN(len(values))] }
	span.SetTraceID(pcommon.TraceID{1, byte(dice.IntN(256))})
	span.SetSpanID(pcommon.SpanID{2, byte(dice.IntN(256))})
	span.SetName(pick("GET /a", "", "\xff").(string))
	span.SetKind(pick(ptrace.SpanKindServer, ptrace.SpanKindServer, ptrace.SpanKindClient, ptrace.SpanKindInternal).(ptrace.SpanKind))
	start := receipt.Now.Add(-pick(time.Minute, time.Minute, time.Hour, 100*24*time.Hour, -2*time.Hour).(time.Duration))
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(pick(time.Second, time.Second, -time.Second).(time.Duration))))
	span.Status().SetCode(pick(ptrace.StatusCodeUnset, ptrace.StatusCodeError).(ptrace.StatusCode))
	for _, a := range []struct {
		name  string
		value any
	}{
		{"http.request.method", pick("GET", "POST", "brew", 7)},
		{"http.route", pick("/payments/{id}", "GET /a?x=1", "/a\xff", 1.5)},
		{"url.path", pick("/payments/42", "/a")},
		{"http.response.status_code", pick(200, 401, 404, "500", 99, 200.0)},
		{"http.request.resend_count", pick(0, 3, -1)},
		{"client.address", pick("8.8.8.8", "1.1.1.1", "nowhere", "", 8)},
		{"geo.country.iso_code", pick("DE", "xx", "")},
		{"user_agent.original", pick("disco-sdk-go/1.2.3 (go1.26)", "curl/8", "acme-sdk-py/2", "", 1)},
		{"disco.sdk.name", pick("mine", "")},
		{"disco.sdk.version", pick("9", "")},
		{"disco.sdk.language", pick("go", "")},
		{"disco.api_key.fingerprint", pick(aliceKey.Fingerprint.String(), bobKey.Fingerprint.String(), oldKey.Fingerprint.String(), fingerprintOf(0x77).String(), "nonsense")},
		{"disco.claimed.user.email", pick("alice@example.com", "ALICE@example.com ", "eve@example.com", 1)},
		{"disco.claimed.organization.name", pick("alice Ltd", "Eve")},
		{"disco.claimed.environment", pick("sandbox", "live")},
		{"disco.operation", pick("payments.create", "agents.create")},
		{"disco.agent.id", pick("agt_1", 7)},
		{"disco.service.id", pick("svc_1", "")},
		{"disco.payment.amount", pick("12.50", "-1", "x", 3, 1.5, true)},
		{"disco.payment.fee", pick("0.10", "y")},
		{"disco.payment.currency", pick("EUR", "eur", "")},
		{"disco.custom", pick("kept", 1, 2.5, true, "")},
		{"cloudevents.event_id", "kept"},
		{"error.type", pick("timeout", "500")},
		{"server.address", "not kept"},
	} {
		if dice.IntN(3) > 0 {
			setRaw(span.Attributes().PutEmpty(a.name), a.value)
		}
	}
}

func TestPackedSpansBringTheSameEvents(t *testing.T) {
	t.Parallel()
	p := started(t, newKeyStore(), nopSettings())
	dice := rand.New(rand.NewPCG(1, 2))
	carried := 0
	for range 2000 {
		if sameEvents(t, p, wire(t, oddSpans(dice))) {
			carried++
		}
	}
	require.Greater(t, carried, 1000)
	require.True(t, sameEvents(t, p, wire(t, batch(600, aliceKey, bobKey, oldKey))))
}

func FuzzPackedSpans(f *testing.F) {
	dice := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(wire(f, oddSpans(dice)))
	}
	p := started(f, newKeyStore(), nopSettings())
	f.Fuzz(func(t *testing.T, body []byte) { sameEvents(t, p, body) })
}

// Whoever writes what a carrier has is not believed: there is no packed request, or its sender may not speak for others.
func TestForgedCarriersStandForNothing(t *testing.T) {
	t.Parallel()
	p := started(t, newKeyStore(), nopSettings())
	carried, small, ok := pack(t, wire(t, batch(3, aliceKey)))
	require.True(t, ok)
	for name, ctx := range map[string]context.Context{
		"not packed":  sentBy(platformKey),
		"not trusted": packed.NewContext(sentBy(bobKey), carried),
	} {
		out, err := p.processTraces(ctx, decoded(t, small))
		require.NoError(t, err)
		options := receipt
		options.Packed = carried
		b := usagepdata.FromTraces(out, options)
		require.Empty(t, b.Events, name)
		require.Equal(t, 1, b.Len(), name)
		require.Equal(t, usage.ReasonNotUsage, b.Rejections[0].Reason, name)
	}
}

// Spans that are asked for after their request was answered are refused, each of them, and not taken from another's memory.
func TestSpansOfAnAnsweredRequest(t *testing.T) {
	t.Parallel()
	p := started(t, newKeyStore(), nopSettings())
	carried, small, ok := pack(t, wire(t, batch(3, aliceKey)))
	require.True(t, ok)
	td, err := p.processTraces(packed.NewContext(sentBy(platformKey), carried), decoded(t, small))
	require.NoError(t, err)
	carried.Close()
	options := receipt
	options.Packed = carried
	b := usagepdata.FromTraces(td, options)
	require.Empty(t, b.Events)
	require.Equal(t, 3, b.Len())
	for _, r := range b.Rejections {
		require.Equal(t, usage.ReasonUnstorable, r.Reason)
		require.Contains(t, r.Detail, "after their request was answered")
	}
	require.Error(t, usagepdata.Unpack(td, carried))
}

func BenchmarkPackedSpans(b *testing.B) {
	td := batch(512, aliceKey, bobKey, oldKey)
	for i, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		span.SetTraceID(pcommon.TraceID{1, byte(i)})
		span.SetSpanID(pcommon.SpanID{2, byte(i)})
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(receipt.Now))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(receipt.Now.Add(time.Second)))
	}
	body := wire(b, td)
	p := started(b, newKeyStore(), nopSettings())
	ctx := sentBy(platformKey)
	perSpan := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*512), "ns/span") }
	convert := func(b *testing.B, ctx context.Context, body []byte) {
		td, err := p.processTraces(ctx, decoded(b, body))
		require.NoError(b, err)
		options := receipt
		options.Packed = packed.FromContext(ctx)
		batch := usagepdata.FromTraces(td, options)
		require.Len(b, batch.Events, 512)
		usagepdata.Release(batch)
	}
	b.Run("packed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			carried, small, ok := pack(b, body)
			require.True(b, ok)
			convert(b, packed.NewContext(ctx, carried), small)
			carried.Close()
		}
		perSpan(b)
	})
	b.Run("decoded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			convert(b, ctx, body)
		}
		perSpan(b)
	})
}
