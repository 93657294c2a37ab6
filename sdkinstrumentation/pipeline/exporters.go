package pipeline

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func newSpanExporter(base string, c *config, client *http.Client) (sdktrace.SpanExporter, error) {
	opts := []otlptracehttp.Option{
		otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig(c.retry)),
	}
	t := targetOf(base, "TRACES", "/v1/traces")
	if t.url != "" {
		opts = append(opts, otlptracehttp.WithEndpointURL(t.url))
	}
	if c.compression && t.compress {
		opts = append(opts, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptracehttp.New(context.Background(), opts...)
}

func newLogExporter(base string, c *config, client *http.Client) (sdklog.Exporter, error) {
	opts := []otlploghttp.Option{
		otlploghttp.WithHTTPClient(client),
		otlploghttp.WithRetry(otlploghttp.RetryConfig(c.retry)),
	}
	t := targetOf(base, "LOGS", "/v1/logs")
	if t.url != "" {
		opts = append(opts, otlploghttp.WithEndpointURL(t.url))
	}
	if c.compression && t.compress {
		opts = append(opts, otlploghttp.WithCompression(otlploghttp.GzipCompression))
	}
	return otlploghttp.New(context.Background(), opts...)
}

func newMetricExporter(base string, c *config, client *http.Client) (sdkmetric.Exporter, error) {
	opts := []otlpmetrichttp.Option{
		otlpmetrichttp.WithHTTPClient(client),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(c.retry)),
		otlpmetrichttp.WithAggregationSelector(aggregation),
		// Cumulative sums survive a lost export. A host's OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is for its own metrics.
		otlpmetrichttp.WithTemporalitySelector(sdkmetric.DefaultTemporalitySelector),
	}
	t := targetOf(base, "METRICS", "/v1/metrics")
	if t.url != "" {
		opts = append(opts, otlpmetrichttp.WithEndpointURL(t.url))
	}
	if c.compression && t.compress {
		opts = append(opts, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	return otlpmetrichttp.New(context.Background(), opts...)
}

const defaultEndpoint = "http://127.0.0.1:4318"

// target is where a signal goes. An empty url leaves it to the exporter, which reads the standard variables.
type target struct {
	url      string
	compress bool
}

func targetOf(base, signal, path string) target {
	const prefix = "OTEL_EXPORTER_OTLP_"
	address := base
	for _, variable := range []string{prefix + signal + "_ENDPOINT", prefix + "ENDPOINT"} {
		if address == "" {
			address = os.Getenv(variable)
		}
	}
	if address == "" {
		address = defaultEndpoint
	}
	t := target{compress: !onThisMachine(address) &&
		os.Getenv(prefix+"COMPRESSION") == "" && os.Getenv(prefix+signal+"_COMPRESSION") == ""}
	if base != "" || address == defaultEndpoint {
		t.url = strings.TrimSuffix(address, "/") + path
	}
	return t
}

func onThisMachine(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}
