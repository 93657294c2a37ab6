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
)

// The walk against the decoder: what it lets pass decodes to values no deeper than allowed, and what it refuses as too deep or
// malformed is so. The decoder may lose something of a body (a value given twice, fields that it does not know), and then
// what it decodes says nothing about why the body was refused.
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
	f.Fuzz(func(t *testing.T, signal, piece byte, data []byte) {
		root := tracesRequest + message(signal)%3
		err := walked(root, depth, elements, data, int(piece)+1)
		require.Equal(t, walked(root, depth, elements, data, len(data)+1), err, "pieces change nothing")

		got, size, decodeErr := decodedDepth(root, data)
		switch {
		case decodeErr != nil:
		case err == nil:
			require.LessOrEqual(t, got, depth)
		case size < len(data):
		case errors.Is(err, errTooDeep):
			require.Greater(t, got, depth)
		default:
			require.NotErrorIs(t, err, errMalformed)
		}
	})
}

// decodedDepth decodes a body and returns how deep its values are, and its size when it is encoded again.
func decodedDepth(root message, data []byte) (depth, size int, err error) {
	see := func(m pcommon.Map) {
		for _, v := range m.All() {
			depth = max(depth, depthOf(v))
		}
	}
	var encoded []byte
	switch root {
	case tracesRequest:
		r := ptraceotlp.NewExportRequest()
		if err = r.UnmarshalProto(data); err == nil {
			seeTraces(r.Traces(), see)
			encoded, err = r.MarshalProto()
		}
	case logsRequest:
		r := plogotlp.NewExportRequest()
		if err = r.UnmarshalProto(data); err == nil {
			seeLogs(r.Logs(), see, func(v pcommon.Value) { depth = max(depth, depthOf(v)) })
			encoded, err = r.MarshalProto()
		}
	default:
		r := pmetricotlp.NewExportRequest()
		if err = r.UnmarshalProto(data); err == nil {
			seeMetrics(r.Metrics(), see)
			encoded, err = r.MarshalProto()
		}
	}
	return depth, len(encoded), err
}

func depthOf(v pcommon.Value) int {
	deepest := 0
	switch v.Type() {
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
