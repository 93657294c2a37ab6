package sdkinstrumentation

import (
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Bounds of what is remembered, in entries. Beyond them a call costs more allocations, and its metrics lose the
// route or the outcome; spans lose nothing.
const (
	maxEndpoints = 512
	maxOutcomes  = 64
)

// endpoint is what calls of one method and route have in common, made once.
type endpoint struct {
	spanName string
	attrs    []attribute.KeyValue // full slice: never appended to in place

	mu       sync.RWMutex
	outcomes map[outcome][]metric.RecordOption
	overflow *endpoint // whose metrics stand in, nil for an endpoint that is remembered
}

type endpointKey struct{ method, route, host string }

// outcome is how a call ended; failure is "" for success.
type outcome struct {
	status  int
	failure string
}

type endpoints struct {
	mu       sync.RWMutex
	byKey    map[endpointKey]*endpoint
	overflow *endpoint // takes the metrics of all that are beyond the bound
}

// get returns the endpoint of a method, a route template ("" if unknown) and, for clients, the API's host.
func (e *endpoints) get(key endpointKey) *endpoint {
	e.mu.RLock()
	ep := e.byKey[key]
	e.mu.RUnlock()
	if ep != nil {
		return ep
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ep = e.byKey[key]; ep != nil {
		return ep
	}
	ep = newEndpoint(key)
	switch {
	case e.byKey == nil:
		e.byKey = make(map[endpointKey]*endpoint)
		e.overflow = newEndpoint(endpointKey{method: "_OTHER"})
	case len(e.byKey) >= maxEndpoints:
		ep.overflow = e.overflow
		return ep
	}
	e.byKey[key] = ep
	return ep
}

func newEndpoint(key endpointKey) *endpoint {
	ep := &endpoint{spanName: key.method, outcomes: make(map[outcome][]metric.RecordOption)}
	ep.attrs = append(ep.attrs, attribute.String(usageconv.HTTPRequestMethod, key.method))
	ep.attrs = appendString(ep.attrs, usageconv.HTTPRoute, key.route)
	ep.attrs = appendString(ep.attrs, usageconv.ServerAddress, key.host)
	if key.route != "" {
		ep.spanName += " " + key.route
	}
	return ep
}

// metricAttributes returns the attributes of a metric as an option that is made once per outcome.
func (ep *endpoint) metricAttributes(o outcome) []metric.RecordOption {
	if ep.overflow != nil {
		ep = ep.overflow
	}
	ep.mu.RLock()
	opts := ep.outcomes[o]
	ep.mu.RUnlock()
	if opts != nil {
		return opts
	}
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if len(ep.outcomes) >= maxOutcomes {
		o = outcome{}
	}
	if opts = ep.outcomes[o]; opts == nil {
		attrs := o.appendTo(append([]attribute.KeyValue(nil), ep.attrs...))
		opts = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
		ep.outcomes[o] = opts
	}
	return opts
}

func (o outcome) appendTo(dst []attribute.KeyValue) []attribute.KeyValue {
	if o.status != 0 {
		dst = append(dst, attribute.Int(usageconv.HTTPResponseStatus, o.status))
	}
	return appendString(dst, usageconv.ErrorType, o.failure)
}

// knownMethod bounds what a stranger can make us remember; the rest is named as the semantic conventions say.
func knownMethod(method string) string {
	switch method {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY":
		return method
	case "":
		return "GET" // net/http: an empty method of a client's request means GET
	}
	return "_OTHER"
}

// routeOf is the path of a pattern of http.ServeMux, which may have a method and a host before it.
func routeOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return ""
}

// attributeBuffers holds buffers that spans' attributes are put together in. A Pipeline copies them.
var attributeBuffers = sync.Pool{New: func() any {
	b := make([]attribute.KeyValue, 0, 24)
	return &b
}}
