package pipeline

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// received keeps what a client was asked to upload, as a collector would read it.
type received struct{ spans *tracepb.ResourceSpans }

func (*received) Start(context.Context) error { return nil }
func (*received) Stop(context.Context) error  { return nil }
func (r *received) UploadTraces(_ context.Context, rs []*tracepb.ResourceSpans) error {
	wire, err := proto.Marshal(rs[0])
	if err != nil {
		return err
	}
	r.spans = &tracepb.ResourceSpans{}
	return proto.Unmarshal(wire, r.spans)
}

// What our encoder writes must be read as what OpenTelemetry's exporter writes, field by field.
func TestEncodingEqualsOpenTelemetrys(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	res := resource.NewSchemaless(attribute.String("user.email", "ada@example.com"), attribute.String("disco.environment", "live"))
	scope := instrumentation.Scope{Name: "scope", Version: "1.0.0"}
	id := func(n byte) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, n}, SpanID: trace.SpanID{2, n}, TraceFlags: trace.FlagsSampled})
	}
	spans := tracetest.SpanStubs{
		{
			Name: "POST /payments/{id}", SpanContext: id(1), SpanKind: trace.SpanKindClient, StartTime: began, EndTime: began.Add(time.Second),
			Attributes: []attribute.KeyValue{
				attribute.String("s", "Zürich"), attribute.String("empty", ""), attribute.Int64("i", -1), attribute.Bool("t", true),
				attribute.Bool("f", false), attribute.Float64("d", 1.5),
			},
			Status: sdktrace.Status{Code: codes.Error}, Resource: res, InstrumentationScope: scope,
		},
		{
			Name: "", SpanContext: id(2), Parent: id(1), SpanKind: trace.SpanKindServer, StartTime: began, EndTime: began,
			Resource: res, InstrumentationScope: scope,
		},
	}.Snapshots()

	var ours, theirs received
	require.NoError(t, (&spanExporter{client: &ours}).export(context.Background(), spans))
	require.NoError(t, otlptrace.NewUnstarted(&theirs).ExportSpans(context.Background(), spans))
	for _, s := range theirs.spans.ScopeSpans[0].Spans {
		s.Flags = 0 // sampled, or not, is none of the collector's business
		if s.Status.Code == tracepb.Status_STATUS_CODE_UNSET {
			s.Status = nil // the same thing in fewer bytes
		}
	}
	require.Empty(t, ours.spans.ProtoReflect().GetUnknown())
	require.True(t, proto.Equal(theirs.spans, ours.spans), "want %v\ngot  %v", theirs.spans, ours.spans)
}

// Encoding costs no allocation once its buffers have grown, apart from the few for each batch.
func TestEncodingAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun forbids it
	res := resource.Empty()
	stubs := make(tracetest.SpanStubs, 100)
	for i := range stubs {
		stubs[i] = tracetest.SpanStub{Name: "GET", Resource: res, Attributes: []attribute.KeyValue{attribute.String("k", "v"), attribute.Int("n", 1)}}
	}
	spans, e := stubs.Snapshots(), &spanExporter{client: discard{}}
	require.Less(t, testing.AllocsPerRun(10, func() { _ = e.export(context.Background(), spans) }), 20.0)
}

type discard struct{}

func (discard) Start(context.Context) error                                  { return nil }
func (discard) Stop(context.Context) error                                   { return nil }
func (discard) UploadTraces(context.Context, []*tracepb.ResourceSpans) error { return nil }
