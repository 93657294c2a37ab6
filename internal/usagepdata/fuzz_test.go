package usagepdata

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/testdata"
)

func FuzzFromTraces(f *testing.F) {
	var m ptrace.ProtoMarshaler
	for _, td := range []ptrace.Traces{
		testdata.GenerateTraces(3),
		oneSpan(f, platform, attrs{"http.request.method": "GET", "disco.payment.amount": "1"}, ptrace.SpanKindServer, nil),
		oneSpan(f, customer, attrs{"http.request.method": "GET", "url.path": "/a/1"}, ptrace.SpanKindClient, nil),
	} {
		raw, _ := m.MarshalTraces(td)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(raw)
		if err != nil {
			return
		}
		n := td.SpanCount()
		checkBatch(t, FromTraces(td, options), n)
	})
}

func FuzzFromLogs(f *testing.F) {
	var m plog.ProtoMarshaler
	for _, ld := range []plog.Logs{
		testdata.GenerateLogs(3),
		oneLog(f, platform, attrs{"disco.payment.amount": "1"}, named("disco.payment.completed")),
		oneLog(f, customer, attrs{"cloudevents.event_source": "s", "cloudevents.event_id": "1"}, named("x")),
	} {
		raw, _ := m.MarshalLogs(ld)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(raw)
		if err != nil {
			return
		}
		n := ld.LogRecordCount()
		StampRecordIDs(ld)
		checkBatch(t, FromLogs(ld, options), n)
	})
}

func FuzzFromMetrics(f *testing.F) {
	var m pmetric.ProtoMarshaler
	for _, md := range []pmetric.Metrics{
		testdata.GenerateMetrics(3),
		testdata.GenerateMetricsAllTypes(),
		metrics(f, customer, func(ms pmetric.MetricSlice) { counter(ms, 1, nil) }),
	} {
		raw, _ := m.MarshalMetrics(md)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(raw)
		if err != nil {
			return
		}
		n := md.DataPointCount()
		checkBatch(t, FromMetrics(md, options), n)
	})
}
