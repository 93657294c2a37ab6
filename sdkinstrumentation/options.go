package sdkinstrumentation

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Environment variables. An option beats the variable of the same meaning, except that telemetry
// switched off by any of them stays off.
const (
	envAPIKey       = "DISCO_API_KEY"
	envUserEmail    = "DISCO_USER_EMAIL"
	envOrganization = "DISCO_ORGANIZATION"
	envAPIHosts     = "DISCO_API_HOSTS" // separated by commas
	envTelemetry    = "DISCO_TELEMETRY" // "off", "false", "0" or "no" switch off
	envDoNotTrack   = "DO_NOT_TRACK"    // anything but "", "0" and "false" switches off
	envOTelDisabled = "OTEL_SDK_DISABLED"
)

// Option configures an [Instrumentation].
type Option func(*config)

type config struct {
	identity      Identity
	hosts         []string
	disabled      bool
	startPipeline func(Identity) Pipeline
	route         func(*http.Request) string
	clock         func(context.Context) time.Time

	hostTracers trace.TracerProvider
	hostMeters  metric.MeterProvider
	hostLoggers log.LoggerProvider
}

// WithAPIKey sets the key of the platform ("dk_…") that the export is authenticated with. Default: DISCO_API_KEY.
func WithAPIKey(key string) Option { return func(c *config) { c.identity.APIKey = key } }

// WithUserEmail sets who uses the SDK. Default: DISCO_USER_EMAIL.
func WithUserEmail(email string) Option { return func(c *config) { c.identity.UserEmail = email } }

// WithOrganization sets the organisation of the user. Default: DISCO_ORGANIZATION.
func WithOrganization(name string) Option { return func(c *config) { c.identity.Organization = name } }

// WithUserMetadata adds what else the user wants to be known by, such as a team or a cost centre. At
// most 32 entries are kept.
func WithUserMetadata(metadata map[string]string) Option {
	return func(c *config) {
		if c.identity.UserMetadata == nil {
			c.identity.UserMetadata = make(map[string]string, len(metadata))
		}
		maps.Copy(c.identity.UserMetadata, metadata)
	}
}

// WithSDK names the SDK that is instrumented. Default: "disco-sdk-go" and the version of this module. Without API hosts
// it is an API server that is named: the SDK of a call it serves is the caller's.
func WithSDK(name, version string) Option {
	return func(c *config) { c.identity.SDKName, c.identity.SDKVersion = name, version }
}

// WithEndpoint sets the base URL of the collector, such as "https://usage.disco.example". Default: the
// standard OTEL_EXPORTER_OTLP_* variables, else http://127.0.0.1:4318.
func WithEndpoint(baseURL string) Option { return func(c *config) { c.identity.Endpoint = baseURL } }

// WithAPIHosts names the hosts of the API. Only requests to them are recorded and get headers; without any,
// requests pass untouched. A host without a port matches each of its ports; "*.disco.example" matches
// subdomains. Default: DISCO_API_HOSTS.
func WithAPIHosts(hosts ...string) Option {
	return func(c *config) { c.hosts = append(c.hosts, hosts...) }
}

// WithPipeline says how telemetry gets to the collector. start is called once, by [New], and not at all when
// telemetry is off. Without a pipeline only the host's own providers, if any, get telemetry.
func WithPipeline(start func(Identity) Pipeline) Option {
	return func(c *config) { c.startPipeline = start }
}

// WithTracerProvider gives the host's own traces a copy of each span, under the host's sampler. The host's span is
// then the parent of what happens below the call.
func WithTracerProvider(tp trace.TracerProvider) Option {
	return func(c *config) { c.hostTracers = tp }
}

// WithMeterProvider gives the host's own metrics a copy.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return func(c *config) { c.hostMeters = mp }
}

// WithLoggerProvider gives the host's own logs a copy of custom events.
func WithLoggerProvider(lp log.LoggerProvider) Option {
	return func(c *config) { c.hostLoggers = lp }
}

// WithDisabled switches everything off: no header, no span, no goroutine.
func WithDisabled() Option { return func(c *config) { c.disabled = true } }

// WithConsent passes on the user's answer to "may we?"; false is like [WithDisabled]. It does not
// switch on what the environment switched off.
func WithConsent(given bool) Option { return func(c *config) { c.disabled = !given } }

// WithRoute gives the route template ("/payments/{id}") of a client's request, "" if it has none. It is asked
// only for operations that name none, see [WithTemplate].
func WithRoute(route func(*http.Request) string) Option {
	return func(c *config) { c.route = route }
}

// WithClock replaces the clock, for demonstrations and tests with times of the past. The context is that of the
// request, operation or event; the clock is read when a call starts and when it ends.
func WithClock(now func(context.Context) time.Time) Option {
	return func(c *config) { c.clock = now }
}

// newConfig applies options over the environment and cleans what came in.
func newConfig(opts []Option) *config {
	c := &config{}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	id := &c.identity
	id.APIKey = cmp.Or(id.APIKey, os.Getenv(envAPIKey))
	id.UserEmail = clean(cmp.Or(id.UserEmail, os.Getenv(envUserEmail)), maxEmail)
	id.Organization = clean(cmp.Or(id.Organization, os.Getenv(envOrganization)), maxClaim)
	id.UserMetadata = cleanMetadata(id.UserMetadata)
	if hosts := os.Getenv(envAPIHosts); len(c.hosts) == 0 && hosts != "" {
		c.hosts = strings.Split(hosts, ",")
	}
	id.APIHosts = c.hosts
	id.SDKName = cmp.Or(token(id.SDKName), usageconv.SDKNameGo)
	id.SDKVersion = cmp.Or(token(id.SDKVersion), Version)
	c.disabled = c.disabled || offByEnvironment()
	return c
}

func offByEnvironment() bool {
	switch strings.ToLower(strings.TrimSpace(os.Getenv(envTelemetry))) {
	case "off", "false", "0", "no", "disabled":
		return true
	}
	switch strings.ToLower(strings.TrimSpace(os.Getenv(envDoNotTrack))) {
	case "", "0", "false":
	default:
		return true
	}
	return strings.EqualFold(strings.TrimSpace(os.Getenv(envOTelDisabled)), "true")
}

// cleanMetadata keeps the first entries in order of their keys, so that what is kept does not change from run to run.
func cleanMetadata(in map[string]string) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, min(len(in), maxMetadataEntries))
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if len(out) == maxMetadataEntries {
			break
		}
		if name := clean(k, maxName); name != "" {
			out[name] = clean(in[k], maxClaim)
		}
	}
	return out
}

// token keeps the characters that a product of a User-Agent may have (RFC 9110, section 5.6.2).
func token(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("!#$%&'*+-.^_`|~", r):
			return r
		}
		return -1
	}, s[:min(len(s), maxName)])
	return s
}
