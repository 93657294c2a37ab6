package pipeline

import (
	"net/http"
	"os"
	"strconv"
	"time"
)

// Option configures the pipeline itself; what the user decides are options of sdkinstrumentation.
type Option func(*config)

type config struct {
	spanQueue      queueConfig
	logQueue       queueConfig
	metricInterval time.Duration
	timeout        time.Duration
	retry          retryConfig
	base           http.RoundTripper
	compression    bool
}

type queueConfig struct {
	// limit is how many items may wait or be under way; more are dropped.
	limit int
	// batch is how many items go into one request. 512 spans stay below the collector's limit of 4 MiB
	// even when each attribute is as long as it may be, and so do 256 events.
	batch int
	// interval is how long an item waits for its batch to fill.
	interval time.Duration
}

// retryConfig has the layout of the exporters' RetryConfig.
type retryConfig struct {
	Enabled         bool
	InitialInterval time.Duration
	MaxInterval     time.Duration
	MaxElapsedTime  time.Duration
}

// WithQueueSize sets how many spans, and how many custom events, may wait. Default: 4096 spans, 2048
// events. A span takes about 2 KiB.
func WithQueueSize(items int) Option {
	return func(c *config) {
		if items > 0 {
			c.spanQueue.limit, c.logQueue.limit = items, items
		}
	}
}

// WithBatchInterval sets how long spans and events wait for a batch to fill. Default: 2 seconds.
func WithBatchInterval(d time.Duration) Option {
	return func(c *config) {
		if d > 0 {
			c.spanQueue.interval, c.logQueue.interval = d, d
		}
	}
}

// WithMetricInterval sets how often metrics are sent. Default: 1 minute.
func WithMetricInterval(d time.Duration) Option {
	return func(c *config) {
		if d > 0 {
			c.metricInterval = d
		}
	}
}

// WithRoundTripper sets what carries the exports, for proxies, client certificates and tests. Default: a transport of
// the pipeline's own, since http.DefaultTransport may be instrumented.
func WithRoundTripper(rt http.RoundTripper) Option { return func(c *config) { c.base = rt } }

// WithRetry sets how long an export that failed is tried again. Default: at first after 1 second, then
// up to 30 seconds apart, 15 minutes in all.
func WithRetry(initial, max, total time.Duration) Option {
	return func(c *config) {
		c.retry = retryConfig{Enabled: true, InitialInterval: initial, MaxInterval: max, MaxElapsedTime: total}
	}
}

// WithoutCompression sends exports as they are. Default: gzip, except to a collector on the same machine, where it
// costs more than it saves. OTEL_EXPORTER_OTLP_COMPRESSION decides otherwise.
func WithoutCompression() Option { return func(c *config) { c.compression = false } }

func newConfig(opts []Option) *config {
	c := &config{
		spanQueue:      queueConfig{limit: 4096, batch: 512, interval: 2 * time.Second},
		logQueue:       queueConfig{limit: 2048, batch: 256, interval: 2 * time.Second},
		metricInterval: time.Minute,
		timeout:        timeoutFromEnvironment(),
		compression:    true,
		retry: retryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 30 * time.Second,
			MaxElapsedTime: 15 * time.Minute},
	}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	return c
}

// timeoutFromEnvironment bounds one request. The exporters read the variable too, but not with a client that is given to them.
func timeoutFromEnvironment() time.Duration {
	if ms, err := strconv.Atoi(os.Getenv("OTEL_EXPORTER_OTLP_TIMEOUT")); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return 10 * time.Second
}
