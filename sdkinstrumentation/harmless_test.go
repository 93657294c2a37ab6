package sdkinstrumentation_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

// Whatever panics inside the instrumentation, the caller gets its response, and the call is recorded as well as it can be.
func TestPanicsStayInside(t *testing.T) {
	t.Parallel()
	broken := func(*http.Request) string { panic("route") }
	for name, test := range map[string]struct {
		opt      sdkinstrumentation.Option
		recorded bool
	}{
		"TracerProvider": {sdkinstrumentation.WithTracerProvider(brokenTracers{}), true},
		"NilOption":      {nil, true},
		"Clock":          {sdkinstrumentation.WithClock(func(context.Context) time.Time { panic("clock") }), true},
		"ZeroClock":      {sdkinstrumentation.WithClock(func(context.Context) time.Time { return time.Time{} }), true},
		"Route":          {sdkinstrumentation.WithRoute(broken), true},
		"Tracer":         {sdkinstrumentation.WithTracerProvider(tracers{tracer: brokenTracer{}}), true},
		"NilTracer":      {sdkinstrumentation.WithTracerProvider(tracers{}), true},
		"Span":           {sdkinstrumentation.WithTracerProvider(tracers{tracer: brokenSpans{}}), true},
		"MeterProvider":  {sdkinstrumentation.WithMeterProvider(brokenMeters{}), true},
		"LoggerProvider": {sdkinstrumentation.WithLoggerProvider(brokenLoggers{}), true},
		"Logger":         {sdkinstrumentation.WithLoggerProvider(loggers{}), true},
		"Pipeline": {sdkinstrumentation.WithPipeline(func(sdkinstrumentation.Identity) sdkinstrumentation.Pipeline {
			panic("pipeline")
		}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, collector := start(t, test.opt)
			ctx, op := in.Operation(context.Background(), "agents.list", nil)
			resp := send(t, in.Transport(&api{}), request(t, ctx, http.MethodGet, "https://api.disco.example/agents", ""))
			require.Equal(t, http.StatusCreated, resp.StatusCode)
			op.End(nil)
			in.Track(ctx, "event")

			rec := httptest.NewRecorder()
			in.Middleware(sdkinstrumentation.WithRouteFunc(broken))(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusTeapot)
			})).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
			require.Equal(t, http.StatusTeapot, rec.Code)
			if !test.recorded {
				return
			}
			require.Len(t, spans(t, in, collector), 2)
			require.Len(t, collector.Logs(), 1)
			require.Contains(t, in.Dropped(), sdkinstrumentation.Drop{Signal: "traces", Reason: "panic", Count: panics(in)},
				"the broken route function, at least")
		})
	}
}

func panics(in *sdkinstrumentation.Instrumentation) int64 {
	for _, d := range in.Dropped() {
		if d.Signal == "traces" && d.Reason == "panic" {
			return d.Count
		}
	}
	return -1
}

type (
	brokenTracers struct{ trace.TracerProvider }
	tracers       struct {
		trace.TracerProvider
		tracer trace.Tracer
	}
	brokenTracer  struct{ trace.Tracer }
	brokenSpans   struct{ trace.Tracer }
	brokenSpan    struct{ trace.Span }
	brokenMeters  struct{ metric.MeterProvider }
	brokenLoggers struct{ log.LoggerProvider }
	loggers       struct{ log.LoggerProvider }
	brokenLogger  struct{ log.Logger }
)

func (t tracers) Tracer(string, ...trace.TracerOption) trace.Tracer { return t.tracer }

func (brokenTracer) Start(context.Context, string, ...trace.SpanStartOption) (context.Context, trace.Span) {
	panic("start")
}

func (brokenSpans) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	return ctx, brokenSpan{}
}
func (brokenSpan) SpanContext() trace.SpanContext             { return trace.SpanContext{} }
func (brokenSpan) SetAttributes(...attribute.KeyValue)        { panic("attributes") }
func (brokenSpan) SetName(string)                             { panic("name") }
func (loggers) Logger(string, ...log.LoggerOption) log.Logger { return brokenLogger{} }
func (brokenLogger) Emit(context.Context, log.Record)         { panic("emit") }
