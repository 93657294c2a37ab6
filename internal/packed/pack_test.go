package packed

import (
	"bytes"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// request is a request of plain spans: one for each set of attributes.
func request(t testing.TB, spans ...map[string]any) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "disco-api")
	rs.SetSchemaUrl("https://opentelemetry.io/schemas/1.43.0")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("scope")
	ss.Scope().SetVersion("1.0")
	ss.SetSchemaUrl("https://opentelemetry.io/schemas/1.42.0")
	for i, attributes := range spans {
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{byte(i), 1})
		span.SetSpanID(pcommon.SpanID{byte(i), 2})
		span.SetParentSpanID(pcommon.SpanID{byte(i), 3})
		span.SetName("GET /payments/{id}")
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(pcommon.Timestamp(1000 + i))
		span.SetEndTimestamp(pcommon.Timestamp(2000 + i))
		span.SetFlags(257)
		span.SetDroppedAttributesCount(3)
		span.TraceState().FromRaw("vendor=1")
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage("no such payment")
		require.NoError(t, span.Attributes().FromRaw(attributes))
	}
	return td
}

func marshal(t testing.TB, td ptrace.Traces) []byte {
	t.Helper()
	b, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	require.NoError(t, err)
	return b
}

func unmarshal(t testing.TB, b []byte) ptrace.Traces {
	t.Helper()
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(b)
	require.NoError(t, err)
	return td
}

// pack packs a copy of a body.
func pack(t testing.TB, b []byte) (*Request, []byte, bool) {
	t.Helper()
	sent, err := Read(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return Pack(sent)
}

// carriers are the spans of a packed body, each with the resource that it stands for.
func carriers(t testing.TB, r *Request, body []byte) (all []*Resource) {
	t.Helper()
	for i, rs := range unmarshal(t, body).ResourceSpans().All() {
		require.Equal(t, 1, rs.ScopeSpans().Len())
		require.Equal(t, 1, rs.ScopeSpans().At(0).Spans().Len())
		span := rs.ScopeSpans().At(0).Spans().At(0)
		require.True(t, IsCarrier(span))
		require.Same(t, r.Resources[i], r.Of(span))
		all = append(all, r.Of(span))
	}
	return all
}

func TestCarriersStandForSpansAndWhatTheyName(t *testing.T) {
	t.Parallel()
	td := request(t,
		map[string]any{"http.request.method": "GET", "http.response.status_code": 404, "client.address": "8.8.8.8", "disco.api_key.fingerprint": "aa"},
		map[string]any{"client.address": "8.8.8.8", "disco.api_key.fingerprint": "bb", "cached": true, "ratio": 0.5},
		map[string]any{"client.address": "1.1.1.1", "disco.api_key.fingerprint": "aa"},
	)
	request(t, map[string]any{"http.route": "/b"}).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	r, body, ok := pack(t, marshal(t, td))
	require.True(t, ok)
	require.Equal(t, 4, r.Spans())

	first := unmarshal(t, body).ResourceSpans().At(0)
	require.Equal(t, map[string]any{"service.name": "disco-api"}, first.Resource().Attributes().AsRaw())
	require.Equal(t, "https://opentelemetry.io/schemas/1.43.0", first.SchemaUrl())
	resources := carriers(t, r, body)
	require.Len(t, resources, 2)
	require.Equal(t, 3, resources[0].Spans())
	require.Equal(t, []string{"aa", "bb"}, resources[0].Fingerprints)
	require.Equal(t, []string{"8.8.8.8", "1.1.1.1"}, resources[0].Addresses)
	require.Equal(t, 1, resources[1].Spans())
	sameSpans(t, td, r, body)

	r.Close()
	r.Close()
	require.ErrorIs(t, r.Each(resources[0], func(Reading, *Span) { t.Error("read after the end") }), errClosed)
	var none *Request
	require.ErrorIs(t, none.Each(resources[0], nil), errClosed)
	require.Nil(t, none.Of(unmarshal(t, body).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)))
}

// sameSpans requires a packed request to have the spans of another, as the decoder reads them.
func sameSpans(t *testing.T, want ptrace.Traces, r *Request, body []byte) {
	t.Helper()
	for i, resource := range carriers(t, r, body) {
		var all []ptrace.Span
		for _, ss := range want.ResourceSpans().At(i).ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				all = append(all, span)
			}
		}
		require.Len(t, all, resource.Spans())
		require.NoError(t, r.Each(resource, func(in Reading, s *Span) {
			sent := all[0]
			all = all[1:]
			require.Equal(t, sent.TraceID(), pcommon.TraceID(s.TraceID))
			require.Equal(t, sent.SpanID(), pcommon.SpanID(s.SpanID))
			require.Equal(t, sent.Kind(), s.Kind)
			require.Equal(t, sent.StartTimestamp(), pcommon.Timestamp(s.Start))
			require.Equal(t, sent.EndTimestamp(), pcommon.Timestamp(s.End))
			require.Equal(t, sent.Status().Code(), s.Status)
			decoded, err := in.Decode(s)
			require.NoError(t, err)
			require.Equal(t, sent, decoded)
			attributes := in.Attributes(s)
			require.Len(t, attributes, sent.Attributes().Len())
			for name, v := range sent.Attributes().All() {
				requireAttribute(t, r, in, &attributes[0], name, v)
				attributes = attributes[1:]
			}
		}))
	}
}

func requireAttribute(t *testing.T, r *Request, in Reading, a *Attribute, name string, v pcommon.Value) {
	t.Helper()
	require.Equal(t, name, r.Name(a.Name))
	switch a.Type {
	case String:
		require.Equal(t, v.Str(), in.Text(a).String, name)
	case Bool:
		require.Equal(t, v.Bool(), a.Bits != 0, name)
	case Int:
		require.Equal(t, v.Int(), int64(a.Bits), name)
	case Double:
		require.Equal(t, math.Float64bits(v.Double()), a.Bits, name)
	}
}

// Names beyond the first places, and names that move from place to place, are found all the same.
func TestManyNames(t *testing.T) {
	t.Parallel()
	td := request(t, map[string]any{"first": 0})
	spans := scopeOf(td).Spans()
	for i := range 20 {
		m := spans.AppendEmpty().Attributes()
		for j := range 100 {
			m.PutInt("n"+strconv.Itoa((i*j)%100), int64(j))
		}
	}
	r, body, ok := pack(t, marshal(t, td))
	require.True(t, ok)
	sameSpans(t, td, r, body)
	for i := range maxNames {
		lastSpan(td).Attributes().PutInt("more"+strconv.Itoa(i), 1)
	}
	_, _, ok = pack(t, marshal(t, td))
	require.False(t, ok)
}

func TestOnlyPlainSpansArePacked(t *testing.T) {
	t.Parallel()
	plain := map[string]any{"http.request.method": "GET"}
	refuses := func(what string, change func(ptrace.Traces)) {
		t.Helper()
		td := request(t, plain, plain)
		change(td)
		_, _, ok := pack(t, marshal(t, td))
		require.False(t, ok, what)
	}
	attribute := func(what string, attributes map[string]any) {
		t.Helper()
		refuses(what, func(td ptrace.Traces) {
			require.NoError(t, lastSpan(td).Attributes().FromRaw(attributes))
		})
	}
	attribute("a key", map[string]any{"note": "dk_live_0123456789"})
	attribute("a key in a name", map[string]any{"dk_live_0123456789": "1"})
	attribute("a key between NULs", map[string]any{"note": "d\x00k\x00_\x00live_0123456789"})
	attribute("credentials", map[string]any{"http.request.header.authorization": "Basic eA=="})
	attribute("a stamp", map[string]any{"mirrorball.trusted": true})
	attribute("an identity", map[string]any{"user.email": "a@example.com"})
	attribute("an environment", map[string]any{"disco.environment": "live"})
	attribute("an array", map[string]any{"list": []any{"a"}})
	attribute("a map", map[string]any{"map": map[string]any{"a": 1}})
	attribute("bytes", map[string]any{"bytes": []byte("a")})
	attribute("no value", map[string]any{"nothing": nil})
	attribute("a fingerprint that is none", map[string]any{"disco.api_key.fingerprint": 1})
	attribute("an empty fingerprint", map[string]any{"disco.api_key.fingerprint": ""})
	refuses("an event", func(td ptrace.Traces) { lastSpan(td).Events().AppendEmpty() })
	refuses("a link", func(td ptrace.Traces) { lastSpan(td).Links().AppendEmpty() })
	refuses("a key in the name of a span", func(td ptrace.Traces) { lastSpan(td).SetName("dk_live_0123456789") })
	refuses("a NUL in the name of a span", func(td ptrace.Traces) { lastSpan(td).SetName("d\x00k_live_0123456789") })
	refuses("a NUL in a message", func(td ptrace.Traces) { lastSpan(td).Status().SetMessage("d\x00k_live_0123456789") })
	refuses("a NUL in a trace state", func(td ptrace.Traces) { lastSpan(td).TraceState().FromRaw("d\x00k_live_0123456789") })
	refuses("a NUL in a scope", func(td ptrace.Traces) { scopeOf(td).Scope().SetName("d\x00k_live_0123456789") })
	refuses("a NUL in a schema", func(td ptrace.Traces) { scopeOf(td).SetSchemaUrl("d\x00k_live_0123456789") })
	refuses("attributes of a scope", func(td ptrace.Traces) { scopeOf(td).Scope().Attributes().PutStr("a", "b") })
	refuses("a resource without spans", func(td ptrace.Traces) { td.ResourceSpans().AppendEmpty() })
	_, _, ok := pack(t, nil)
	require.False(t, ok, "nothing")
}

func TestAttributesThatStandTwice(t *testing.T) {
	t.Parallel()
	twice := func(name string) bool {
		body := marshal(t, request(t, map[string]any{name: "DE", "other": "1"}))
		at := bytes.Index(body, []byte("other"))
		require.Positive(t, at)
		// A name of the same length in the place of the other.
		other := marshal(t, request(t, map[string]any{name: "DE", string(bytes.Repeat([]byte("o"), len(name))): "1"}))
		body = bytes.Replace(other, bytes.Repeat([]byte("o"), len(name)), []byte(name), 1)
		_, _, ok := pack(t, body)
		return ok
	}
	require.False(t, twice("disco.api_key.fingerprint"))
	require.False(t, twice("geo.country.iso_code"))
	require.True(t, twice("http.route"))
}

func scopeOf(td ptrace.Traces) ptrace.ScopeSpans { return td.ResourceSpans().At(0).ScopeSpans().At(0) }

func lastSpan(td ptrace.Traces) ptrace.Span {
	spans := scopeOf(td).Spans()
	return spans.At(spans.Len() - 1)
}

// Whatever is packed has the spans that the decoder finds, and nothing that it refuses is packed.
func FuzzPack(f *testing.F) {
	f.Add(marshal(f, request(f, map[string]any{"http.request.method": "GET", "client.address": "8.8.8.8"}, map[string]any{"n": 1, "d": 0.1, "b": true})))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		r, small, ok := pack(t, body)
		if !ok {
			return
		}
		defer r.Close()
		want, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(body)
		got, errPacked := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(small)
		require.Equal(t, err, errPacked) // of the resource, which is decoded in any case
		if err != nil {
			return
		}
		require.Equal(t, want.SpanCount(), r.Spans())
		require.Equal(t, want.ResourceSpans().Len(), got.ResourceSpans().Len())
		for i, rs := range got.ResourceSpans().All() {
			require.Equal(t, want.ResourceSpans().At(i).Resource().Attributes().AsRaw(), rs.Resource().Attributes().AsRaw())
			require.Equal(t, want.ResourceSpans().At(i).SchemaUrl(), rs.SchemaUrl())
		}
		sameSpans(t, want, r, small)
	})
}

func BenchmarkPack(b *testing.B) {
	attributes := map[string]any{
		"http.request.method": "POST", "http.route": "/payments/{id}", "http.response.status_code": 201, "client.address": "203.0.113.7",
		"user_agent.original": "disco-sdk-go/1.2.0 (go1.26; linux/amd64)", "disco.claimed.user.email": "alice@example.com",
		"disco.claimed.organization.name": "Wonder", "disco.operation": "payments.create", "disco.agent.id": "agt_1",
		"disco.api_key.fingerprint": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	}
	td := request(b, attributes)
	for range 511 {
		scopeOf(td).Spans().At(0).CopyTo(scopeOf(td).Spans().AppendEmpty()) // with the attributes in the same order
	}
	body := marshal(b, td)
	b.Run("pack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sent, err := Read(bytes.NewReader(body), int64(len(body)))
			require.NoError(b, err)
			r, _, ok := Pack(sent)
			require.True(b, ok)
			r.Close()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*512), "ns/span")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			unmarshal(b, body)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*512), "ns/span")
	})
}
