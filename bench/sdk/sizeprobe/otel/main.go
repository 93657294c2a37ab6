// Command otel makes an HTTP call through otelhttp, with OpenTelemetry's SDK and OTLP/HTTP exporters for the same signals.
package main

import (
	"context"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	ctx := context.Background()
	spans, _ := otlptracehttp.New(ctx)
	metrics, _ := otlpmetrichttp.New(ctx)
	logs, _ := otlploghttp.New(ctx)
	_ = sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)))
	client := http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport,
		otelhttp.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))),
		otelhttp.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))))}
	_, _ = client.Get("https://api.disco.example/agents") //nolint:noctx,bodyclose // only its size matters
}
