package apikeyprocessor

import (
	"context"
	"encoding/base64"
	"iter"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

const rawKey = "dk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV2Emexu"

var looksLikeKey = regexp.MustCompile(`dk_(test|live)_(admin_)?[0-9A-Za-z]{8,}`)

// As long as a key, so that lengths in the protobuf stay right when it is replaced by one. It is no name that is deleted.
var word = "WORD" + strings.Repeat("x", len(rawKey)-4)

// plant replaces the word by a key.
func plant(t *testing.T, marshalled []byte, err error) []byte {
	require.NoError(t, err)
	b := []byte(strings.ReplaceAll(string(marshalled), word, rawKey))
	require.Regexp(t, looksLikeKey, string(b))
	return b
}

func requireNoKey(t *testing.T, marshalled []byte, err error) {
	require.NoError(t, err)
	require.NotRegexp(t, looksLikeKey, string(marshalled))
	require.NotContains(t, string(marshalled), base64.StdEncoding.EncodeToString([]byte(rawKey)))
}

// Each string and each byte field of OTLP is given a key, by writing a word everywhere and replacing it in the
// marshalled form; the marshalled result must have none.
func TestNoKeyAnywhere(t *testing.T) {
	t.Parallel()
	p := started(t, newKeyStore(), nopSettings())
	for name, ctx := range map[string]context.Context{"ordinary": sentBy(aliceKey), "trusted": sentBy(platformKey)} {
		t.Run(name+"/traces", func(t *testing.T) {
			in, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(tracesOfWords())
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(plant(t, in, err))
			require.NoError(t, err)
			td, err = p.processTraces(ctx, td)
			require.NoError(t, err)
			out, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
			requireNoKey(t, out, err)
			require.Equal(t, 1, entity.ResourceEntityRefs(td.ResourceSpans().At(0).Resource()).Len(), "the honest one stays")
		})
		t.Run(name+"/logs", func(t *testing.T) {
			in, err := (&plog.ProtoMarshaler{}).MarshalLogs(logsOfWords())
			ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(plant(t, in, err))
			require.NoError(t, err)
			ld, err = p.processLogs(ctx, ld)
			require.NoError(t, err)
			out, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
			requireNoKey(t, out, err)
		})
		t.Run(name+"/metrics", func(t *testing.T) {
			in, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metricsOfWords())
			md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(plant(t, in, err))
			require.NoError(t, err)
			md, err = p.processMetrics(ctx, md)
			require.NoError(t, err)
			out, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
			requireNoKey(t, out, err)
		})
	}
}

func fill(m pcommon.Map) {
	m.PutStr("k", word)
	m.PutStr(word, "v")
	m.PutStr("user.email", word)
	m.PutStr("disco.api_key.fingerprint", word)
	m.PutStr("client.address", word)
	m.PutEmptyBytes("b").FromRaw([]byte("<" + word + ">"))
	deep := m.PutEmptySlice("s")
	for range 3 * maxDepth {
		inner := deep.AppendEmpty().SetEmptyMap()
		inner.PutStr("k", word)
		inner.PutStr(word, "v")
		deep = inner.PutEmptySlice("s")
	}
}

func fillResource(res pcommon.Resource) {
	fill(res.Attributes())
	refs := entity.ResourceEntityRefs(res)
	refs.AppendEmpty().SetType(word)
	refs.AppendEmpty().SetSchemaUrl(word)
	refs.AppendEmpty().IdKeys().Append("k", word)
	refs.AppendEmpty().DescriptionKeys().Append(word)
	refs.AppendEmpty().SetType("service")
}

func fillScope(scope pcommon.InstrumentationScope) {
	scope.SetName(word)
	scope.SetVersion(word)
	fill(scope.Attributes())
}

func tracesOfWords() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	fillResource(rs.Resource())
	rs.SetSchemaUrl(word)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl(word)
	fillScope(ss.Scope())
	span := ss.Spans().AppendEmpty()
	fill(span.Attributes())
	span.SetName(word)
	span.Status().SetMessage(word)
	span.TraceState().FromRaw(word)
	event := span.Events().AppendEmpty()
	fill(event.Attributes())
	event.SetName(word)
	link := span.Links().AppendEmpty()
	fill(link.Attributes())
	link.TraceState().FromRaw(word)
	return td
}

func logsOfWords() plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	fillResource(rl.Resource())
	rl.SetSchemaUrl(word)
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl(word)
	fillScope(sl.Scope())
	record := sl.LogRecords().AppendEmpty()
	fill(record.Attributes())
	fill(record.Body().SetEmptyMap())
	record.SetEventName(word)
	record.SetSeverityText(word)
	sl.LogRecords().AppendEmpty().Body().SetStr(word)
	sl.LogRecords().AppendEmpty().Body().SetEmptyBytes().FromRaw([]byte(word))
	return ld
}

func metricsOfWords() pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	fillResource(rm.Resource())
	rm.SetSchemaUrl(word)
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.SetSchemaUrl(word)
	fillScope(sm.Scope())
	add := func() pmetric.Metric {
		m := sm.Metrics().AppendEmpty()
		m.SetName(word)
		m.SetDescription(word)
		m.SetUnit(word)
		fill(m.Metadata())
		return m
	}
	point := func(attributes pcommon.Map, exemplars pmetric.ExemplarSlice) {
		fill(attributes)
		fill(exemplars.AppendEmpty().FilteredAttributes())
	}
	gauge := add().SetEmptyGauge().DataPoints().AppendEmpty()
	point(gauge.Attributes(), gauge.Exemplars())
	sum := add().SetEmptySum().DataPoints().AppendEmpty()
	point(sum.Attributes(), sum.Exemplars())
	histogram := add().SetEmptyHistogram().DataPoints().AppendEmpty()
	point(histogram.Attributes(), histogram.Exemplars())
	exponential := add().SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	point(exponential.Attributes(), exponential.Exemplars())
	fill(add().SetEmptySummary().DataPoints().AppendEmpty().Attributes())
	return md
}

// FuzzRequests feeds bodies of OTLP/protobuf, whatever they are, as both kinds of sender: no panic, no key, no stamp of
// the sender's own.
func FuzzRequests(f *testing.F) {
	traces, _ := ptraceotlp.NewExportRequestFromTraces(batch(2, aliceKey, bobKey)).MarshalProto()
	f.Add(traces)
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(rawKey)
	logs, _ := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	f.Add(logs)
	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	metrics, _ := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	f.Add(metrics)

	p := started(f, newKeyStore(), nopSettings())
	senders := []context.Context{sentBy(aliceKey), sentBy(platformKey)}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, ctx := range senders {
			if r := ptraceotlp.NewExportRequest(); r.UnmarshalProto(body) == nil {
				td, err := p.processTraces(ctx, r.Traces())
				require.NoError(t, err)
				for m := range spanAttributesOf(td) {
					_, trusted := m.Get("mirrorball.trusted")
					_, reporter := m.Get("mirrorball.reporter")
					require.Equal(t, trusted, reporter)
				}
				out, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
				require.NoError(t, err)
				require.NotRegexp(t, looksLikeKey, string(out))
			}
			if r := plogotlp.NewExportRequest(); r.UnmarshalProto(body) == nil {
				ld, err := p.processLogs(ctx, r.Logs())
				require.NoError(t, err)
				out, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
				require.NoError(t, err)
				require.NotRegexp(t, looksLikeKey, string(out))
			}
			if r := pmetricotlp.NewExportRequest(); r.UnmarshalProto(body) == nil {
				_, err := p.processMetrics(ctx, r.Metrics())
				require.NoError(t, err)
			}
		}
	})
}

// spanAttributesOf are the attributes of resources and spans.
func spanAttributesOf(td ptrace.Traces) iter.Seq[pcommon.Map] {
	return func(yield func(pcommon.Map) bool) {
		for _, rs := range td.ResourceSpans().All() {
			if !yield(rs.Resource().Attributes()) {
				return
			}
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if !yield(span.Attributes()) {
						return
					}
				}
			}
		}
	}
}
