package sdkinstrumentation

import (
	"encoding/hex"
	"fmt"
	"go/version"
	"net/http"
	"runtime"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// identityHeaders are the headers that say who calls. The value slices are shared by all requests, with no
// capacity to append in place.
type identityHeaders struct {
	userAgent    []string
	email        []string
	organization []string
	environment  []string
	product      string // of the user agent: "disco-sdk-go/"
}

// Names as http.Header keeps them.
var (
	keyUserAgent    = http.CanonicalHeaderKey(usageconv.HeaderUserAgent)
	keyEmail        = http.CanonicalHeaderKey(usageconv.HeaderUserEmail)
	keyOrganization = http.CanonicalHeaderKey(usageconv.HeaderOrganization)
	keyEnvironment  = http.CanonicalHeaderKey(usageconv.HeaderEnvironment)
	keyTraceparent  = http.CanonicalHeaderKey(usageconv.HeaderTraceparent)
)

func newIdentityHeaders(id Identity) identityHeaders {
	product := id.SDKName + "/"
	return identityHeaders{
		userAgent: []string{fmt.Sprintf("%s%s (%s; %s/%s)",
			product, id.SDKVersion, goVersion(), runtime.GOOS, runtime.GOARCH)},
		email:        headerValue(id.UserEmail),
		organization: headerValue(id.Organization),
		environment:  headerValue(id.Environment()),
		product:      product,
	}
}

// goVersion is the language version ("go1.26"): which patch release a customer builds with is not our business.
func goVersion() string {
	if v := version.Lang(runtime.Version()); v != "" {
		return v
	}
	return "go"
}

func headerValue(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// inject adds the headers to h. What the caller set for this request stands; a user agent of the caller's follows the SDK's.
func (ih *identityHeaders) inject(h http.Header, traceparent string) {
	switch ua := h[keyUserAgent]; {
	case len(ua) == 0 || ua[0] == "":
		h[keyUserAgent] = ih.userAgent
	case !strings.HasPrefix(ua[0], ih.product):
		h[keyUserAgent] = []string{ih.userAgent[0] + " " + ua[0]}
	}
	setDefault(h, keyEmail, ih.email)
	setDefault(h, keyOrganization, ih.organization)
	setDefault(h, keyEnvironment, ih.environment)
	if traceparent != "" {
		h[keyTraceparent] = []string{traceparent}
	}
}

func setDefault(h http.Header, key string, value []string) {
	if value != nil && len(h[key]) == 0 {
		h[key] = value
	}
}

// strip takes off what net/http copied from a request to the API onto the request that a redirect led
// elsewhere. It returns a copy when it changed something.
func (ih *identityHeaders) strip(req *http.Request) *http.Request {
	if len(req.Header[keyEmail]) == 0 && len(req.Header[keyOrganization]) == 0 && len(req.Header[keyEnvironment]) == 0 &&
		len(req.Header[keyTraceparent]) == 0 && !strings.HasPrefix(req.Header.Get(keyUserAgent), ih.product) {
		return req
	}
	out := req.Clone(req.Context())
	for _, key := range []string{keyEmail, keyOrganization, keyEnvironment, keyTraceparent} {
		delete(out.Header, key)
	}
	if strings.HasPrefix(out.Header.Get(keyUserAgent), ih.product) {
		delete(out.Header, keyUserAgent)
	}
	return out
}

// formatTraceparent writes a W3C traceparent, "" for an invalid context.
func formatTraceparent(sc trace.SpanContext, flags trace.TraceFlags) string {
	if !sc.IsValid() {
		return ""
	}
	traceID, spanID := sc.TraceID(), sc.SpanID()
	b := [55]byte{0: '0', 1: '0', 2: '-', 35: '-', 52: '-', 53: '0', 54: '0'}
	hex.Encode(b[3:35], traceID[:])
	hex.Encode(b[36:52], spanID[:])
	if flags.IsSampled() {
		b[54] = '1'
	}
	return string(b[:])
}
