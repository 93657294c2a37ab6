package discosdk

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

// Version is the version of this SDK.
const Version = "1.0.0"

const defaultBaseURL = "https://api.disco.example"

// Client calls the API. It may be used from many goroutines.
type Client struct {
	Payments *Payments
	Agents   *Agents
	Services *Services

	key         string
	baseURL     string
	http        *http.Client
	telemetry   *sdkinstrumentation.Instrumentation
	maxAttempts int
	sleep       func(context.Context, time.Duration) error
}

// Option configures a [Client].
type Option func(*config)

type config struct {
	baseURL     string
	transport   http.RoundTripper
	telemetry   []sdkinstrumentation.Option
	maxAttempts int
	sleep       func(context.Context, time.Duration) error
}

// WithBaseURL names another server, such as "http://127.0.0.1:9090". An empty one leaves the default.
func WithBaseURL(u string) Option { return func(c *config) { c.baseURL = cmp.Or(u, c.baseURL) } }

// WithUser says who uses the SDK. The platform shows it beside the key's registered owner.
func WithUser(email, organization string) Option {
	return WithTelemetry(sdkinstrumentation.WithUserEmail(email), sdkinstrumentation.WithOrganization(organization))
}

// WithTelemetry passes options to the instrumentation; sdkinstrumentation.WithDisabled switches it off.
func WithTelemetry(opts ...sdkinstrumentation.Option) Option {
	return func(c *config) { c.telemetry = append(c.telemetry, opts...) }
}

// WithTransport replaces http.DefaultTransport.
func WithTransport(rt http.RoundTripper) Option { return func(c *config) { c.transport = rt } }

// WithMaxAttempts bounds the attempts of a call, the first included. Default 3.
func WithMaxAttempts(n int) Option { return func(c *config) { c.maxAttempts = max(n, 1) } }

// WithSleep replaces the wait between attempts, for tests.
func WithSleep(sleep func(context.Context, time.Duration) error) Option {
	return func(c *config) { c.sleep = sleep }
}

// New makes a client that calls the API with a key. Close it, so that the last telemetry is delivered.
func New(key string, opts ...Option) *Client {
	cfg := config{baseURL: defaultBaseURL, maxAttempts: 3, sleep: sleep}
	for _, o := range opts {
		o(&cfg)
	}
	// The SDK's own options come first, so that those of the user win.
	telemetry := []sdkinstrumentation.Option{
		sdkinstrumentation.WithAPIKey(key),
		sdkinstrumentation.WithSDK("disco-sdk-go", Version),
		sdkinstrumentation.WithAPIHosts(hostOf(cfg.baseURL)),
	}
	in := pipeline.Start(append(telemetry, cfg.telemetry...)...)
	c := &Client{
		key:         key,
		baseURL:     strings.TrimSuffix(cfg.baseURL, "/"),
		http:        &http.Client{Transport: in.Transport(cfg.transport)},
		telemetry:   in,
		maxAttempts: cfg.maxAttempts,
		sleep:       cfg.sleep,
	}
	c.Payments, c.Agents, c.Services = &Payments{c}, &Agents{c}, &Services{c}
	return c
}

// Telemetry is the client's instrumentation, for [sdkinstrumentation.Instrumentation.Track] and Flush.
func (c *Client) Telemetry() *sdkinstrumentation.Instrumentation { return c.telemetry }

// Close delivers the telemetry that is left. The client's calls still work, unreported.
func (c *Client) Close(ctx context.Context) error {
	c.http.CloseIdleConnections()
	return c.telemetry.Shutdown(ctx)
}

func hostOf(baseURL string) string {
	u, err := url.Parse(baseURL)
	if err != nil {
		return "" // the first call will say what is wrong
	}
	return u.Host
}
