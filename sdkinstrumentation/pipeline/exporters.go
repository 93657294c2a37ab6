package pipeline

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

func newSpanClient(base string, c *config, client *http.Client) otlptrace.Client {
	t := targetOf(base, "TRACES", "/v1/traces")
	opts := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(t.url),
		otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig(c.retry)),
	}
	if t.private {
		opts = append(opts, otlptracehttp.WithHeaders(nil))
	}
	if c.compression && t.compress {
		opts = append(opts, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptracehttp.NewClient(opts...)
}

func newLogExporter(base string, c *config, client *http.Client) (sdklog.Exporter, error) {
	t := targetOf(base, "LOGS", "/v1/logs")
	opts := []otlploghttp.Option{
		otlploghttp.WithEndpointURL(t.url),
		otlploghttp.WithHTTPClient(client),
		otlploghttp.WithRetry(otlploghttp.RetryConfig(c.retry)),
	}
	if t.private {
		opts = append(opts, otlploghttp.WithHeaders(nil))
	}
	if c.compression && t.compress {
		opts = append(opts, otlploghttp.WithCompression(otlploghttp.GzipCompression))
	}
	return otlploghttp.New(context.Background(), opts...)
}

func newMetricExporter(base string, c *config, client *http.Client) (sdkmetric.Exporter, error) {
	t := targetOf(base, "METRICS", "/v1/metrics")
	opts := []otlpmetrichttp.Option{
		otlpmetrichttp.WithEndpointURL(t.url),
		otlpmetrichttp.WithHTTPClient(client),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(c.retry)),
		otlpmetrichttp.WithAggregationSelector(aggregation),
		// Cumulative sums survive a lost export. A host's OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is for its own metrics.
		otlpmetrichttp.WithTemporalitySelector(sdkmetric.DefaultTemporalitySelector),
	}
	if t.private {
		opts = append(opts, otlpmetrichttp.WithHeaders(nil))
	}
	if c.compression && t.compress {
		opts = append(opts, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	return otlpmetrichttp.New(context.Background(), opts...)
}

const (
	defaultEndpoint = "http://127.0.0.1:4318"
	// nowhere stands in for an endpoint that is no URL: port 0 takes no connection, so all is dropped as unreachable.
	nowhere = "http://127.0.0.1:0"

	envPrefix = "OTEL_EXPORTER_OTLP_"
)

// target is where a signal goes.
type target struct {
	url      string
	compress bool
	// private says that the SDK chose the collector. What OTEL_EXPORTER_OTLP_HEADERS holds, which may be
	// the password of the host's own one, is then kept from it.
	private bool
}

func targetOf(base, signal, path string) target {
	address := cmp.Or(base, os.Getenv(envPrefix+"ENDPOINT"), defaultEndpoint)
	if signalAddress := os.Getenv(envPrefix + signal + "_ENDPOINT"); base == "" && signalAddress != "" {
		address, path = signalAddress, ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		u, _ = url.Parse(nowhere)
	}
	return target{
		url:     strings.TrimSuffix(u.String(), "/") + path,
		private: base != "",
		compress: !onThisMachine(u.Hostname()) &&
			os.Getenv(envPrefix+"COMPRESSION") == "" && os.Getenv(envPrefix+signal+"_COMPRESSION") == "",
	}
}

func onThisMachine(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
