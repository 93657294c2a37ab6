package sdkinstrumentation

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// MiddlewareOption configures [Instrumentation.Middleware].
type MiddlewareOption func(*middleware)

// WithTrustedProxies names the networks whose X-Forwarded-For is believed. Without any, the client is whoever connected.
func WithTrustedProxies(networks ...netip.Prefix) MiddlewareOption {
	return func(m *middleware) { m.proxies = append(m.proxies, networks...) }
}

// WithRouteFunc gives the route template of a request for routers other than http.ServeMux, "" if it matched none. It is
// asked after the handler ran, with the request as this middleware passed it on.
func WithRouteFunc(route func(*http.Request) string) MiddlewareOption {
	return func(m *middleware) { m.route = route }
}

// Middleware records each request that an API server serves as a SERVER span: route, status, duration, client,
// who the caller claims to be, and the fingerprint of the key presented, never the key. Put it around the
// http.ServeMux. Routes come from http.Request.Pattern, [WithRouteFunc] or [WithTemplate]. With [WithKeyVerification] it refuses
// calls, too.
func (in *Instrumentation) Middleware(opts ...MiddlewareOption) func(http.Handler) http.Handler {
	m := middleware{in: in}
	for _, o := range opts {
		if o != nil {
			o(&m)
		}
	}
	if m.verification != nil {
		m.verification.start(in, m.proxies)
	}
	return func(next http.Handler) http.Handler {
		if m.verification != nil {
			next = m.verification.guard(next)
		}
		if in.off {
			return next
		}
		bound := m
		bound.next = next
		return &bound
	}
}

// Annotate states facts of the request being served, such as its operation, payment, agent or service. A
// context that comes from no request of [Instrumentation.Middleware] changes nothing.
func Annotate(ctx context.Context, opts ...OperationOption) {
	c, _ := ctx.Value(servedKey{}).(*served)
	if c == nil {
		return
	}
	defer c.m.in.guard(signalTraces)
	c.facts.state(opts)
}

type middleware struct {
	in      *Instrumentation
	next    http.Handler
	proxies []netip.Prefix
	route   func(*http.Request) string
	// verification is nil unless keys are verified.
	verification *verification
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := m.begin(w, r)
	if c == nil {
		m.next.ServeHTTP(w, r)
		return
	}
	returned := false
	defer func() {
		panicked := recover()
		c.end(returned, panicked)
		if panicked != nil {
			panic(panicked) // the stack below is still there for whoever prints it
		}
	}()
	m.next.ServeHTTP(c.writer.wrapped(), c.request)
	returned = true
}

// served is one request being served. It is also the context of the handler, which spares an allocation.
type served struct {
	context.Context
	m       *middleware
	request *http.Request
	writer  responseWriter
	facts   facts
	start   time.Time
	own     trace.Span
	host    trace.Span
	// verified is the key that was found good; nil without verification.
	verified *VerifiedKey
}

type servedKey struct{}

func (c *served) Value(key any) any {
	if _, mine := key.(servedKey); mine {
		return c
	}
	return c.Context.Value(key)
}

var serverKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

// begin returns nil if anything goes wrong.
func (m *middleware) begin(w http.ResponseWriter, r *http.Request) (c *served) {
	defer func() {
		if recover() != nil {
			m.in.drops.Add(signalTraces, reasonPanic, 1)
			c = nil
		}
	}()
	in, ctx := m.in, r.Context()
	c = &served{m: m, start: in.now(ctx)}
	c.writer.ResponseWriter = w
	if len(r.Header[keyTraceparent]) > 0 && !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	parent := ctx
	c.Context = r.Context()
	// The route is not known yet: the span is named when it ends.
	ep := in.endpoints.get(endpointKey{method: knownServerMethod(r.Method)})
	if in.host.tracer != nil {
		parent, c.host = in.startHostSpan(ctx, ep, c.start, serverKind)
		c.Context = parent
	}
	if in.own.tracer != nil {
		c.own = in.startSpan(parent, ep.spanName, c.start, serverKind)
	}
	c.request = r.WithContext(c)
	return c
}

// knownServerMethod differs for the empty method, which no parsed request has.
func knownServerMethod(method string) string {
	if method == "" {
		return "_OTHER"
	}
	return knownMethod(method)
}

// end records how the request went. Of a panic only the fact is kept: its value may hold anything.
func (c *served) end(returned bool, panicked any) {
	in := c.m.in
	defer in.guard(signalTraces)
	end := in.now(c)
	o := outcome{status: c.writer.status}
	if o.status == 0 {
		o.status = http.StatusOK
	}
	o.failure = statusFailure(o.status, 500)
	if !returned {
		o.failure = "panic"
		if panicked == http.ErrAbortHandler {
			o.failure = "aborted"
		}
		if c.writer.status == 0 {
			o.status = http.StatusInternalServerError
		}
	}
	ep := in.endpoints.get(endpointKey{method: knownServerMethod(c.request.Method), route: c.serverRoute()})
	c.endSpans(ep, o, end)
	opts, seconds := ep.metricAttributes(o), max(end.Sub(c.start), 0).Seconds()
	in.each(func(i *instruments) { i.serverDuration.Record(c.Context, seconds, opts...) })
}

// serverRoute asks what the handler stated, then the function, then http.ServeMux.
func (c *served) serverRoute() (route string) {
	if route = c.facts.route(); route != "" {
		return route
	}
	if c.m.route != nil {
		if route = c.askRoute(); route != "" {
			return route
		}
	}
	return clean(routeOf(c.request.Pattern), maxPath)
}

func (c *served) askRoute() string {
	defer c.m.in.guard(signalTraces)
	return clean(c.m.route(c.request), maxPath)
}

func (c *served) endSpans(ep *endpoint, o outcome, end time.Time) {
	buf := attributeBuffers.Get().(*[]attribute.KeyValue)
	attrs := append((*buf)[:0], ep.attrs...)
	if len(ep.attrs) == 1 { // no route
		attrs = appendString(attrs, usageconv.URLPath, clean(c.request.URL.Path, maxPath))
	}
	attrs = o.appendTo(attrs)
	attrs = c.appendCaller(attrs)
	attrs = c.facts.appendTo(attrs)
	if c.own != nil {
		c.own.SetName(ep.spanName)
		c.m.in.endOwn(c.own, attrs, o, end)
	}
	if c.host != nil {
		c.m.in.try(signalTraces, func() { c.host.SetName(ep.spanName) })
		c.m.in.endHost(c.host, attrs, o, end)
	}
	clear(attrs)
	*buf = attrs[:0]
	attributeBuffers.Put(buf)
}

// appendCaller adds who called, as far as the request says.
func (c *served) appendCaller(dst []attribute.KeyValue) []attribute.KeyValue {
	h := c.request.Header
	dst = appendString(dst, usageconv.ClientAddress, clientAddress(c.request, c.m.proxies))
	dst = appendString(dst, usageconv.UserAgentOriginal, clean(first(h, keyUserAgent), maxUserAgent))
	dst = appendString(dst, usageconv.ClaimedEmail, clean(first(h, keyEmail), maxEmail))
	dst = appendString(dst, usageconv.ClaimedOrganization, clean(first(h, keyOrganization), maxClaim))
	dst = appendString(dst, usageconv.ClaimedEnvironment, clean(first(h, keyEnvironment), maxName))
	return appendString(dst, usageconv.APIKeyFingerprint, presentedFingerprint(first(h, usageconv.HeaderAuthorization)))
}

// first is http.Header.Get for a name in canonical form.
func first(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}
