package requestlimitsextension

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// walked checks a body in pieces of the given size.
func walked(root message, depth, elements int, data []byte, piece int) error {
	var w walk
	w.begin(root, depth, elements)
	for len(data) > 0 {
		n := min(piece, len(data))
		if err := w.check(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// nested makes v an array in an array and so on, depth values deep.
func nested(v pcommon.Value, depth int) {
	for range depth - 1 {
		v = v.SetEmptySlice().AppendEmpty()
	}
	v.SetStr("innermost")
}

// Every place of OTLP where a value can stand.
var (
	inTraces = map[string]func(ptrace.ResourceSpans) pcommon.Map{
		"resource": func(rs ptrace.ResourceSpans) pcommon.Map { return rs.Resource().Attributes() },
		"scope":    func(rs ptrace.ResourceSpans) pcommon.Map { return rs.ScopeSpans().AppendEmpty().Scope().Attributes() },
		"span":     func(rs ptrace.ResourceSpans) pcommon.Map { return newSpan(rs).Attributes() },
		"event":    func(rs ptrace.ResourceSpans) pcommon.Map { return newSpan(rs).Events().AppendEmpty().Attributes() },
		"link":     func(rs ptrace.ResourceSpans) pcommon.Map { return newSpan(rs).Links().AppendEmpty().Attributes() },
	}
	inMetrics = map[string]func(pmetric.Metric) pcommon.Map{
		"metadata": func(m pmetric.Metric) pcommon.Map { return m.Metadata() },
		"gauge":    func(m pmetric.Metric) pcommon.Map { return m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes() },
		"sum":      func(m pmetric.Metric) pcommon.Map { return m.SetEmptySum().DataPoints().AppendEmpty().Attributes() },
		"histogram": func(m pmetric.Metric) pcommon.Map {
			return m.SetEmptyHistogram().DataPoints().AppendEmpty().Attributes()
		},
		"exponential": func(m pmetric.Metric) pcommon.Map {
			return m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Attributes()
		},
		"summary": func(m pmetric.Metric) pcommon.Map { return m.SetEmptySummary().DataPoints().AppendEmpty().Attributes() },
		"gauge's exemplar": func(m pmetric.Metric) pcommon.Map {
			return m.SetEmptyGauge().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes()
		},
		"histogram's exemplar": func(m pmetric.Metric) pcommon.Map {
			return m.SetEmptyHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes()
		},
		"exponential's exemplar": func(m pmetric.Metric) pcommon.Map {
			return m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes()
		},
	}
	inLogs = map[string]func(plog.LogRecord) pcommon.Value{
		"body":      func(lr plog.LogRecord) pcommon.Value { return lr.Body() },
		"attribute": func(lr plog.LogRecord) pcommon.Value { return lr.Attributes().PutEmpty("k") },
		"map in body": func(lr plog.LogRecord) pcommon.Value {
			return lr.Body().SetEmptyMap().PutEmpty("k").SetEmptyMap().PutEmpty("k")
		},
	}
)

func newSpan(rs ptrace.ResourceSpans) ptrace.Span {
	return rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
}

type otlp interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// deepBodies are bodies with a value of the given depth, one for each place.
func deepBodies(depth int) map[string]struct {
	root message
	otlp otlp
} {
	all := map[string]struct {
		root message
		otlp otlp
	}{}
	add := func(name string, root message, body otlp) {
		all[name] = struct {
			root message
			otlp otlp
		}{root, body}
	}
	for name, place := range inTraces {
		td := ptrace.NewTraces()
		nested(place(td.ResourceSpans().AppendEmpty()).PutEmpty("k"), depth)
		add(name, tracesRequest, ptraceotlp.NewExportRequestFromTraces(td))
	}
	for name, place := range inMetrics {
		md := pmetric.NewMetrics()
		nested(place(md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()).PutEmpty("k"), depth)
		add(name, metricsRequest, pmetricotlp.NewExportRequestFromMetrics(md))
	}
	for name, place := range inLogs {
		ld := plog.NewLogs()
		around := 0
		if name == "map in body" {
			around = 2
		}
		nested(place(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()), depth-around)
		add(name, logsRequest, plogotlp.NewExportRequestFromLogs(ld))
	}
	return all
}

func TestDepthEverywhere(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{3, 64} {
		for depth, want := range map[int]error{limit: nil, limit + 1: errTooDeep, 2000: errTooDeep} {
			for name, b := range deepBodies(depth) {
				data, err := b.otlp.MarshalProto()
				require.NoError(t, err)
				for _, piece := range []int{1, 2, 7, len(data)} {
					require.ErrorIs(t, walked(b.root, limit, 10_000, data, piece), want, "%s, %d deep in pieces of %d", name, depth, piece)
				}
			}
		}
	}
}

func TestJSONDepthEverywhere(t *testing.T) {
	t.Parallel()
	for depth, want := range map[int]error{64: nil, 150: errTooDeep} {
		for name, b := range deepBodies(depth) {
			data, err := b.otlp.MarshalJSON()
			require.NoError(t, err)
			var w jsonWalk
			w.begin(64, 10_000)
			require.ErrorIs(t, w.check(data), want, "%s, %d deep", name, depth)
		}
	}
}

// A body by hand: 2 resource spans, their resources, 3 attributes, 1 scope spans, 1 scope, 2 spans, 1 event, 1 link; an
// attribute's value is an array (1) of 2 values. That is 16; the values of attributes themselves are no elements.
func TestElements(t *testing.T) {
	t.Parallel()
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("a", "b")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	s := spans.AppendEmpty()
	spans.AppendEmpty()
	s.Attributes().PutInt("n", 300)
	values := s.Attributes().PutEmptySlice("list")
	values.AppendEmpty().SetInt(1)
	values.AppendEmpty().SetBool(true)
	s.Events().AppendEmpty()
	s.Links().AppendEmpty()
	data, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	for _, piece := range []int{1, 5, len(data)} {
		require.NoError(t, walked(tracesRequest, 64, 16, data, piece))
		require.ErrorIs(t, walked(tracesRequest, 64, 15, data, piece), errTooMany)
	}
}

func TestJSONElements(t *testing.T) {
	t.Parallel()
	body := []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},null,{"body":{"stringValue":"{\"\\{{{null"}}]}]}]}`)
	check := func(elements int) error { // 7 objects and a null
		var w jsonWalk
		w.begin(64, elements)
		return w.check(body)
	}
	require.NoError(t, check(7))
	require.ErrorIs(t, check(6), errTooMany)
}

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"field 0":                    {0x02, 0x00},
		"wire type 7":                {0x0f, 0x00},
		"a length below 0":           {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"a varint of 11 bytes":       {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00},
		"longer than around it":      {0x0a, 0x02, 0x0a, 0x7f, 0x00},
		"a tag that is cut off":      {0x0a, 0x01, 0x80, 0x00},
		"a number that is cut off":   {0x0a, 0x02, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
		"a varint that is cut off":   {0x0a, 0x02, 0x08, 0x80, 0x00},
		"a message without a length": {0x0a, 0x01, 0x0a, 0x00},
	} {
		for _, piece := range []int{1, len(data)} {
			require.ErrorIs(t, walked(tracesRequest, 64, 100, data, piece), errMalformed, name)
		}
		require.Error(t, ptraceotlp.NewExportRequest().UnmarshalProto(data), "%s: the decoder agrees", name)
	}
	require.ErrorIs(t, walked(tracesRequest, 64, 100, []byte{0x43, 0x44}, 2), errGroup)
}

// The schema has each field of OTLP that holds a message which could nest or be repeated.
func TestSchemaIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]message{}
	var compare func(kind message, d protoreflect.MessageDescriptor)
	compare = func(kind message, d protoreflect.MessageDescriptor) {
		if before, ok := seen[string(d.FullName())]; ok {
			require.Equal(t, schema[before], schema[kind], d.FullName())
			return
		}
		seen[string(d.FullName())] = kind
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			child := childOf(kind, int32(f.Number()))
			switch {
			case f.Kind() == protoreflect.MessageKind && child != scalar:
				compare(child, f.Message())
			case f.Kind() == protoreflect.MessageKind:
				require.False(t, f.IsList(), f.FullName())
				for j := range f.Message().Fields().Len() {
					require.NotEqual(t, protoreflect.MessageKind, f.Message().Fields().Get(j).Kind(), f.FullName())
				}
			case f.IsList() && (f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind):
				require.Equal(t, text, child, f.FullName())
			default:
				require.Equal(t, scalar, child, f.FullName())
			}
		}
	}
	for root, d := range descriptors {
		compare(root, d)
	}
	require.Greater(t, len(seen), 25)
}

// What an old sender puts in field 1000 is decoded like field 2, so it is checked like that.
func TestDeprecatedScopes(t *testing.T) {
	t.Parallel()
	for root, unmarshal := range map[message]func([]byte) error{
		tracesRequest:  func(b []byte) error { return ptraceotlp.NewExportRequest().UnmarshalProto(b) },
		logsRequest:    func(b []byte) error { return plogotlp.NewExportRequest().UnmarshalProto(b) },
		metricsRequest: func(b []byte) error { return pmetricotlp.NewExportRequest().UnmarshalProto(b) },
	} {
		scope := field(1, field(3, field(2, field(5, field(1, field(5, nil)))))) // scope, attribute, value, array, value, array
		data := field(1, field(1000, scope))
		require.NoError(t, unmarshal(data))
		require.NoError(t, walked(root, 2, 100, data, 1))
		require.ErrorIs(t, walked(root, 1, 100, data, 1), errTooDeep, fmt.Sprint(root))
	}
}

func field(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// A pair of plain key and value, over which the walk leaps, is as deep as one that it steps through.
func TestDepthOfPlainPairs(t *testing.T) {
	t.Parallel()
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetEmptyMap().PutStr("k", "v")
	data, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(t, err)
	for _, piece := range []int{1, len(data)} {
		require.NoError(t, walked(logsRequest, 2, 100, data, piece))
		require.ErrorIs(t, walked(logsRequest, 1, 100, data, piece), errTooDeep)
	}
}
