package requestlimitsextension

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The walk against the decoder: what it lets pass decodes to values no deeper than allowed, what it refuses as malformed does
// not decode, and what it refuses as too deep and decodes is as deep, if not in what was decoded (a value that is given twice
// is there once), then on the wire.
func FuzzWalk(f *testing.F) {
	const depth, elements = 4, 1000
	for _, d := range []int{3, 4, 5, 6} {
		for _, b := range deepBodies(d) {
			data, err := b.otlp.MarshalProto()
			require.NoError(f, err)
			f.Add(byte(b.root), byte(3), data)
		}
	}
	twice := append(field(5, field(1, field(5, field(1, field(5, field(1, field(5, nil))))))), 0x18, 0x01)
	f.Add(byte(logsRequest), byte(0), field(1, field(2, field(2, field(5, twice)))))
	f.Add(byte(logsRequest), byte(0), field(1, field(1000, field(2, field(6, field(2, twice))))))
	f.Add(byte(tracesRequest), byte(3), []byte("\n2\x12.\x12*z\x00J \x12\x1b*\x19\n\x17*\x15\n\x13*\x11\n\x0f2\r00\n\t1000000002\x0100000000000"))
	f.Add(byte(tracesRequest), byte(0), []byte("\n0\x12%00000010000000000000000000\xea000000000\xe4\xe40"))
	f.Fuzz(func(t *testing.T, signal, piece byte, data []byte) {
		root := tracesRequest + message(signal)%3
		err := walked(root, depth, elements, data, int(piece)+1)
		require.Equal(t, walked(root, depth, elements, data, len(data)+1), err, "pieces change nothing")

		got, decodeErr := decodedDepth(root, data)
		switch {
		case decodeErr != nil:
		case err == nil:
			require.LessOrEqual(t, got, depth)
		case errors.Is(err, errTooDeep):
			require.Greater(t, max(got, wireDepth(descriptors[root], data)), depth)
		default:
			require.NotErrorIs(t, err, errMalformed)
		}
	})
}

var descriptors = map[message]protoreflect.MessageDescriptor{
	tracesRequest:  (&coltrace.ExportTraceServiceRequest{}).ProtoReflect().Descriptor(),
	logsRequest:    (&collogs.ExportLogsServiceRequest{}).ProtoReflect().Descriptor(),
	metricsRequest: (&colmetrics.ExportMetricsServiceRequest{}).ProtoReflect().Descriptor(),
}

// wireDepth is how deep values nest on the wire, up to the first field that is malformed, told from OTLP's descriptors.
func wireDepth(d protoreflect.MessageDescriptor, data []byte) int {
	depth := 0
	for len(data) > 0 {
		tag, n := protowire.ConsumeVarint(data)
		if n < 0 {
			break
		}
		data = data[n:]
		number, kind := protowire.Number(int32(tag>>3)), protowire.Type(tag&7)
		length := protowire.ConsumeFieldValue(number, kind, data)
		if length < 0 {
			break
		}
		if number == 1000 { // see deprecatedScopes
			number = 2
		}
		if f := d.Fields().ByNumber(number); f != nil && f.Kind() == protoreflect.MessageKind && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(data)
			depth = max(depth, wireDepth(f.Message(), content))
		}
		data = data[length:]
	}
	if d.Name() == "AnyValue" {
		depth++
	}
	return depth
}

// decodedDepth decodes a body and returns how deep its values are.
func decodedDepth(root message, data []byte) (depth int, err error) {
	see := func(m pcommon.Map) {
		for _, v := range m.All() {
			depth = max(depth, depthOf(v))
		}
	}
	switch root {
	case tracesRequest:
		r := ptraceotlp.NewExportRequest()
		if err = r.UnmarshalProto(data); err == nil {
			seeTraces(r.Traces(), see)
		}
	case logsRequest:
		r := plogotlp.NewExportRequest()
		if err = r.UnmarshalProto(data); err == nil {
			seeLogs(r.Logs(), see, func(v pcommon.Value) { depth = max(depth, depthOf(v)) })
		}
	default:
		r := pmetricotlp.NewExportRequest()
		if err = r.UnmarshalProto(data); err == nil {
			seeMetrics(r.Metrics(), see)
		}
	}
	return depth, err
}

// depthOf counts no value that is empty: an attribute without a value decodes to one.
func depthOf(v pcommon.Value) int {
	deepest := 0
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return 0
	case pcommon.ValueTypeSlice:
		for _, e := range v.Slice().All() {
			deepest = max(deepest, depthOf(e))
		}
	case pcommon.ValueTypeMap:
		for _, e := range v.Map().All() {
			deepest = max(deepest, depthOf(e))
		}
	}
	return 1 + deepest
}

func seeTraces(td ptrace.Traces, see func(pcommon.Map)) {
	for _, rs := range td.ResourceSpans().All() {
		see(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			see(ss.Scope().Attributes())
			for _, s := range ss.Spans().All() {
				see(s.Attributes())
				for _, e := range s.Events().All() {
					see(e.Attributes())
				}
				for _, l := range s.Links().All() {
					see(l.Attributes())
				}
			}
		}
	}
}

func seeLogs(ld plog.Logs, see func(pcommon.Map), body func(pcommon.Value)) {
	for _, rl := range ld.ResourceLogs().All() {
		see(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			see(sl.Scope().Attributes())
			for _, lr := range sl.LogRecords().All() {
				body(lr.Body())
				see(lr.Attributes())
			}
		}
	}
}

func seeMetrics(md pmetric.Metrics, see func(pcommon.Map)) {
	exemplars := func(es pmetric.ExemplarSlice) {
		for _, e := range es.All() {
			see(e.FilteredAttributes())
		}
	}
	numbers := func(ps pmetric.NumberDataPointSlice) {
		for _, p := range ps.All() {
			see(p.Attributes())
			exemplars(p.Exemplars())
		}
	}
	for _, rm := range md.ResourceMetrics().All() {
		see(rm.Resource().Attributes())
		for _, sm := range rm.ScopeMetrics().All() {
			see(sm.Scope().Attributes())
			for _, m := range sm.Metrics().All() {
				see(m.Metadata())
				switch m.Type() {
				case pmetric.MetricTypeGauge:
					numbers(m.Gauge().DataPoints())
				case pmetric.MetricTypeSum:
					numbers(m.Sum().DataPoints())
				case pmetric.MetricTypeHistogram:
					for _, p := range m.Histogram().DataPoints().All() {
						see(p.Attributes())
						exemplars(p.Exemplars())
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, p := range m.ExponentialHistogram().DataPoints().All() {
						see(p.Attributes())
						exemplars(p.Exemplars())
					}
				case pmetric.MetricTypeSummary:
					for _, p := range m.Summary().DataPoints().All() {
						see(p.Attributes())
					}
				}
			}
		}
	}
}
