package sdkinstrumentation

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Transport records each HTTP attempt to the API's hosts as a CLIENT span and injects the headers that say who
// calls. Other requests pass untouched. base does the work; nil means http.DefaultTransport.
func (in *Instrumentation) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	if in.off {
		return base
	}
	return &transport{in: in, base: base}
}

type transport struct {
	in   *Instrumentation
	base http.RoundTripper
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.in.hosts.has(req.URL) {
		return t.base.RoundTrip(t.in.leaving(req))
	}
	call, out := t.in.beginAttempt(req)
	resp, err := t.base.RoundTrip(out)
	call.end(resp, err)
	return resp, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport below.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// leaving takes identity off a request that a redirect of the API sent to somebody else.
func (in *Instrumentation) leaving(req *http.Request) (out *http.Request) {
	if req.Response == nil {
		return req
	}
	out = req
	defer in.guard(signalTraces)
	if in.redirectedByAPI(req) {
		out = in.headers.strip(req)
	}
	return out
}

func (in *Instrumentation) redirectedByAPI(req *http.Request) bool {
	for range maxRedirects {
		if req.Response == nil || req.Response.Request == nil {
			return false
		}
		req = req.Response.Request
		if in.hosts.has(req.URL) {
			return true
		}
	}
	return false
}

// maxRedirects bounds the walk back along redirects. net/http itself gives up after 10.
const maxRedirects = 20

// attempt is one HTTP attempt under way. Its zero value does nothing.
type attempt struct {
	in       *Instrumentation
	ctx      context.Context
	start    time.Time
	endpoint *endpoint
	path     string // of a request without a route
	op       *Operation
	resend   int
	sent     int64 // bytes of the request's body, 0 if none or unknown
	own      trace.Span
	host     trace.Span
}

var clientKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}

// beginAttempt returns the request to send: a copy with headers, or req itself if anything goes wrong.
func (in *Instrumentation) beginAttempt(req *http.Request) (call attempt, out *http.Request) {
	out = req
	defer in.guard(signalTraces)
	ctx := req.Context()
	a := attempt{in: in, ctx: ctx, op: operationFrom(ctx), resend: redirects(req), sent: max(req.ContentLength, 0)}
	if a.op != nil {
		a.resend = int(a.op.attempts.Add(1)) - 1
	}
	route := in.clientRoute(req, a.op)
	a.endpoint = in.endpoints.get(endpointKey{knownMethod(req.Method), route, req.URL.Hostname()})
	if route == "" {
		a.path = clean(req.URL.Path, maxPath)
	}
	a.start = in.now(ctx)

	if len(req.Header[keyTraceparent]) > 0 && !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(req.Header))
	}
	flags := trace.FlagsSampled
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() {
		flags = parent.TraceFlags()
	}
	traced := trace.SpanContextFromContext(ctx)
	if in.host.tracer != nil {
		ctx, a.host = in.startHostSpan(ctx, a.endpoint, a.start, clientKind)
		if sc := a.host.SpanContext(); sc.IsValid() {
			traced, flags = sc, sc.TraceFlags()
		}
	}
	if in.own.tracer != nil {
		a.own = in.startSpan(ctx, a.endpoint.spanName, a.start, clientKind)
		traced = a.own.SpanContext()
	}

	out = req.WithContext(ctx)
	// The value slices are shared: whoever is below may not change them (see http.RoundTripper).
	out.Header = make(http.Header, len(req.Header)+5)
	maps.Copy(out.Header, req.Header)
	in.headers.inject(out.Header, formatTraceparent(traced, flags))
	return a, out
}

// clientRoute asks the operation first: it costs nothing and knows best.
func (in *Instrumentation) clientRoute(req *http.Request, op *Operation) (route string) {
	if op != nil {
		if route = op.facts.route(); route != "" {
			return route
		}
	}
	if in.config.route == nil {
		return ""
	}
	defer in.guard(signalTraces)
	return clean(in.config.route(req), maxPath)
}

// startSpan starts a span of the pipeline. The span stays out of the context on purpose: as the parent of
// spans of the host's own it would override the host's sampler.
func (in *Instrumentation) startSpan(ctx context.Context, name string, start time.Time, kind []trace.SpanStartOption) trace.Span {
	if in.config.clock != nil {
		kind = append(kind[:1:1], trace.WithTimestamp(start))
	}
	_, span := in.own.tracer.Start(ctx, name, kind...)
	return span
}

// startHostSpan returns a span that does nothing if the host's tracer panics.
func (in *Instrumentation) startHostSpan(ctx context.Context, ep *endpoint, start time.Time, kind []trace.SpanStartOption) (below context.Context, span trace.Span) {
	below, span = ctx, trace.SpanFromContext(context.Background())
	defer in.guard(signalTraces)
	opts := append(kind[:1:1], trace.WithAttributes(ep.attrs...))
	if in.config.clock != nil {
		opts = append(opts, trace.WithTimestamp(start))
	}
	hostCtx, hostSpan := in.host.tracer.Start(ctx, ep.spanName, opts...)
	if hostSpan == nil || hostCtx == nil {
		return ctx, span
	}
	return hostCtx, hostSpan
}

// redirects counts the redirects that led to req.
func redirects(req *http.Request) int {
	n := 0
	for ; n < maxRedirects && req.Response != nil && req.Response.Request != nil; n++ {
		req = req.Response.Request
	}
	return n
}

// end records how the attempt went. resp is not touched, except that a body of unknown length is counted as it is read.
func (a *attempt) end(resp *http.Response, err error) {
	if a.in == nil {
		return
	}
	defer a.in.guard(signalTraces)
	end := a.in.now(a.ctx)
	var o outcome
	if err != nil {
		o.failure = errorType(err)
	} else {
		o.status = resp.StatusCode
		o.failure = statusFailure(resp.StatusCode, 400)
	}
	a.endSpans(o, end)
	a.recordMetrics(o, end, resp)
}

func (a *attempt) endSpans(o outcome, end time.Time) {
	buf := attributeBuffers.Get().(*[]attribute.KeyValue)
	attrs := append((*buf)[:0], a.endpoint.attrs...)
	attrs = appendString(attrs, usageconv.URLPath, a.path)
	attrs = o.appendTo(attrs)
	if a.resend > 0 {
		attrs = append(attrs, attribute.Int(usageconv.HTTPResendCount, a.resend))
	}
	if a.op != nil {
		attrs = a.op.facts.appendTo(attrs)
	}
	a.in.endOwn(a.own, attrs, o, end)
	a.in.endHost(a.host, attrs, o, end,
		attribute.String(usageconv.SDKName, a.in.identity.SDKName),
		attribute.String(usageconv.SDKVersion, a.in.identity.SDKVersion))
	clear(attrs)
	*buf = attrs[:0]
	attributeBuffers.Put(buf)
}

func (in *Instrumentation) endOwn(span trace.Span, attrs []attribute.KeyValue, o outcome, end time.Time) {
	if span == nil {
		return
	}
	span.SetAttributes(attrs...)
	if o.failure != "" {
		span.SetStatus(codes.Error, "")
	}
	if in.config.clock != nil {
		span.End(trace.WithTimestamp(end))
		return
	}
	span.End()
}

// endHost hands over a copy of the attributes: a host's provider has not promised to copy. more is what the resource
// of the pipeline says, and the host's does not.
func (in *Instrumentation) endHost(span trace.Span, attrs []attribute.KeyValue, o outcome, end time.Time, more ...attribute.KeyValue) {
	if span == nil {
		return
	}
	defer in.guard(signalTraces)
	span.SetAttributes(append(slices.Clone(attrs), more...)...)
	if o.failure != "" {
		span.SetStatus(codes.Error, "")
	}
	if in.config.clock != nil {
		span.End(trace.WithTimestamp(end))
		return
	}
	span.End()
}

func (a *attempt) recordMetrics(o outcome, end time.Time, resp *http.Response) {
	opts := a.endpoint.metricAttributes(o)
	seconds := max(end.Sub(a.start), 0).Seconds()
	received := int64(-1)
	if resp != nil {
		received = resp.ContentLength
		a.in.countBody(resp, opts)
	}
	a.in.each(func(i *instruments) {
		i.clientDuration.Record(a.ctx, seconds, opts...)
		if a.sent > 0 {
			i.requestSize.Record(a.ctx, a.sent, opts...)
		}
		if received >= 0 {
			i.responseSize.Record(a.ctx, received, opts...)
		}
	})
}
