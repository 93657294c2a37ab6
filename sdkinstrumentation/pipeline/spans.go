package pipeline

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of OTLP (opentelemetry-proto v1.10.0: trace.proto, resource.proto, common.proto).
const (
	resourceSpansResource   protowire.Number = 1
	resourceSpansScopeSpans protowire.Number = 2
	scopeSpansScope         protowire.Number = 1
	scopeSpansSpans         protowire.Number = 2
	resourceAttributes      protowire.Number = 1
	scopeName               protowire.Number = 1
	scopeVersion            protowire.Number = 2
	spanTraceID             protowire.Number = 1
	spanSpanID              protowire.Number = 2
	spanParentID            protowire.Number = 4
	spanName                protowire.Number = 5
	spanKind                protowire.Number = 6
	spanStart               protowire.Number = 7
	spanEnd                 protowire.Number = 8
	spanAttributes          protowire.Number = 9
	spanStatus              protowire.Number = 15
	statusCode              protowire.Number = 3
	keyValueKey             protowire.Number = 1
	keyValueValue           protowire.Number = 2
	anyString               protowire.Number = 1
	anyBool                 protowire.Number = 2
	anyInt                  protowire.Number = 3
	anyDouble               protowire.Number = 4
)

const statusError = 2 // tracepb.Status_STATUS_CODE_ERROR

// spanExporter writes spans to OTLP's wire format and leaves the sending to OpenTelemetry's client.
//
// OpenTelemetry's own exporter first builds a tree of messages, some 17 allocations for each span, which was
// more than all that the instrumented call itself costs. The client wants messages too; it gets one whose content
// is already encoded, as unknown fields, which protobuf writes as they are.
type spanExporter struct {
	client otlptrace.Client
	// Buffers of the one goroutine that exports.
	batch, header, spans, span, value []byte
}

// export sends spans that share a resource and a tracer: the pipeline has one of each.
func (e *spanExporter) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.spans = e.spans[:0]
	for _, s := range spans {
		e.span = e.appendSpan(e.span[:0], s)
		e.spans = appendBytes(e.spans, scopeSpansSpans, e.span)
	}
	e.header = e.header[:0]
	for _, kv := range spans[0].Resource().Attributes() {
		e.header = e.appendKeyValue(e.header, resourceAttributes, kv)
	}
	e.batch = appendBytes(e.batch[:0], resourceSpansResource, e.header)

	tracer := spans[0].InstrumentationScope()
	e.span = appendString(appendString(e.span[:0], scopeName, tracer.Name), scopeVersion, tracer.Version)
	e.header = appendBytes(e.header[:0], scopeSpansScope, e.span)
	e.batch = protowire.AppendTag(e.batch, resourceSpansScopeSpans, protowire.BytesType)
	e.batch = protowire.AppendVarint(e.batch, uint64(len(e.header)+len(e.spans)))
	e.batch = append(append(e.batch, e.header...), e.spans...)

	message := &tracepb.ResourceSpans{}
	message.ProtoReflect().SetUnknown(e.batch)
	return e.client.UploadTraces(ctx, []*tracepb.ResourceSpans{message})
}

func (e *spanExporter) appendSpan(b []byte, s sdktrace.ReadOnlySpan) []byte {
	traceID, spanID := s.SpanContext().TraceID(), s.SpanContext().SpanID()
	b = appendBytes(b, spanTraceID, traceID[:])
	b = appendBytes(b, spanSpanID, spanID[:])
	if parent := s.Parent().SpanID(); parent.IsValid() {
		b = appendBytes(b, spanParentID, parent[:])
	}
	b = appendString(b, spanName, s.Name())
	b = appendVarint(b, spanKind, uint64(s.SpanKind())) //nolint:gosec // not negative; the numbers are OTLP's
	b = appendTime(b, spanStart, s.StartTime())
	b = appendTime(b, spanEnd, s.EndTime())
	for _, kv := range s.Attributes() {
		b = e.appendKeyValue(b, spanAttributes, kv)
	}
	if s.Status().Code == codes.Error {
		b = appendBytes(b, spanStatus, appendVarint(e.value[:0], statusCode, statusError))
	}
	return b
}

func (e *spanExporter) appendKeyValue(b []byte, field protowire.Number, kv attribute.KeyValue) []byte {
	e.value = appendAnyValue(e.value[:0], kv.Value)
	size := protowire.SizeTag(keyValueKey) + protowire.SizeBytes(len(kv.Key)) +
		protowire.SizeTag(keyValueValue) + protowire.SizeBytes(len(e.value))
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size)) //nolint:gosec // a length
	b = appendString(b, keyValueKey, string(kv.Key))
	return appendBytes(b, keyValueValue, e.value)
}

// appendAnyValue writes lists as strings; the instrumentation records none.
func appendAnyValue(b []byte, v attribute.Value) []byte {
	switch v.Type() {
	case attribute.BOOL:
		return appendVarint(b, anyBool, protowire.EncodeBool(v.AsBool()))
	case attribute.INT64:
		return appendVarint(b, anyInt, uint64(v.AsInt64())) //nolint:gosec // two's complement is what OTLP wants
	case attribute.FLOAT64:
		return protowire.AppendFixed64(protowire.AppendTag(b, anyDouble, protowire.Fixed64Type), math.Float64bits(v.AsFloat64()))
	case attribute.STRING:
		return appendString(b, anyString, v.AsString())
	}
	return appendString(b, anyString, v.String())
}

func appendTime(b []byte, field protowire.Number, t time.Time) []byte {
	ns := max(t.UnixNano(), 0)
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), uint64(ns)) //nolint:gosec // not negative
}

func appendVarint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}
