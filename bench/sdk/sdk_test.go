package sdk

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

// metricInterval is the same for both sides, and short enough that every run exports metrics.
const metricInterval = time.Second

const key = "dk_test_0123456789abcdefghijklmnopqrstuv0AbCdE"

// BenchmarkTransport measures one call of an http.Client whose transport answers in process, so that the
// differences to "plain" are what instrumentation adds. Spans and metrics are really exported, to a stub on the
// loopback; the work of the background is part of ns/op and allocs/op. "keyless" has no operation.
func BenchmarkTransport(b *testing.B) {
	b.Run("plain", func(b *testing.B) { call(b, answering{}, nil) })
	b.Run("otelhttp", func(b *testing.B) { call(b, otelTransport(b), nil) })
	b.Run("mirrorball", func(b *testing.B) {
		in := mirrorball(b)
		call(b, in.Transport(answering{}), nil)
	})
	b.Run("mirrorball_operation", func(b *testing.B) {
		in := mirrorball(b)
		call(b, in.Transport(answering{}), in)
	})
}

// BenchmarkHandler measures one request through a ServeMux, with a recorder for the response.
func BenchmarkHandler(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	b.Run("plain", func(b *testing.B) { serve(b, mux) })
	b.Run("otelhttp", func(b *testing.B) {
		tp, mp := otelProviders(b)
		serve(b, otelhttp.NewHandler(mux, "api", otelhttp.WithTracerProvider(tp), otelhttp.WithMeterProvider(mp),
			otelhttp.WithPropagators(propagation.TraceContext{})))
	})
	b.Run("mirrorball", func(b *testing.B) { serve(b, mirrorball(b).Middleware()(mux)) })
}

func call(b *testing.B, rt http.RoundTripper, in *sdkinstrumentation.Instrumentation) {
	client := &http.Client{Transport: rt}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		ctx := context.Background()
		var op *sdkinstrumentation.Operation
		if in != nil {
			ctx, op = in.Operation(ctx, "payments.create", sdkinstrumentation.WithTemplate("/payments/{id}"),
				sdkinstrumentation.WithPayment("12.50", "EUR", "0.10"))
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://api.disco.example/payments/p1", strings.NewReader(`{"amount":"12.50"}`))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		op.End(nil)
	}
}

func serve(b *testing.B, h http.Handler) {
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		req := httptest.NewRequest(http.MethodPost, "/payments/p1", http.NoBody)
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("User-Agent", "disco-sdk-go/1.0.0 (go1.26; linux/amd64)")
		req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code != http.StatusCreated {
			b.Fatal(rec.Code)
		}
	}
}

// answering is the API without a network.
type answering struct{}

func (answering) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	const body = `{"ok":true}`
	return &http.Response{
		StatusCode: http.StatusCreated, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}

// collector takes exports and forgets them.
func collector(tb testing.TB) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	}))
	tb.Cleanup(server.Close)
	return server.URL
}

func mirrorball(tb testing.TB) *sdkinstrumentation.Instrumentation {
	in := sdkinstrumentation.New(
		sdkinstrumentation.WithAPIKey(key),
		sdkinstrumentation.WithUserEmail("ada@example.com"),
		sdkinstrumentation.WithOrganization("Analytical Engines"),
		sdkinstrumentation.WithAPIHosts("api.disco.example"),
		sdkinstrumentation.WithRoute(func(*http.Request) string { return "/payments/{id}" }),
		sdkinstrumentation.WithEndpoint(collector(tb)),
		sdkinstrumentation.WithPipeline(pipeline.OTLP(pipeline.WithMetricInterval(metricInterval))))
	tb.Cleanup(func() { require.NoError(tb, in.Shutdown(context.Background())) })
	return in
}

func otelTransport(tb testing.TB) http.RoundTripper {
	tp, mp := otelProviders(tb)
	return otelhttp.NewTransport(answering{}, otelhttp.WithTracerProvider(tp), otelhttp.WithMeterProvider(mp),
		otelhttp.WithPropagators(propagation.TraceContext{}))
}

// otelProviders are what OpenTelemetry's documentation sets up: batches of spans, metrics periodically, OTLP/HTTP.
func otelProviders(tb testing.TB) (*sdktrace.TracerProvider, *sdkmetric.MeterProvider) {
	ctx, url := context.Background(), collector(tb)
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(url+"/v1/traces"))
	require.NoError(tb, err)
	metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(url+"/v1/metrics"))
	require.NoError(tb, err)
	tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(
		sdkmetric.NewPeriodicReader(metrics, sdkmetric.WithInterval(metricInterval))))
	tb.Cleanup(func() {
		_ = tp.Shutdown(ctx)
		_ = mp.Shutdown(ctx)
	})
	return tp, mp
}
