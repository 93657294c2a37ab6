package usagepdata

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// FromTraces turns spans into requests. A span is a request when it carries http.request.method and is a SERVER span
// of a trusted reporter (the platform saw the call) or a CLIENT span with disco.sdk.name (the SDK made it). All other
// spans are their senders' own business: counted as not_usage and not kept.
func FromTraces(td ptrace.Traces, opts Options) *usage.Batch {
	c := conversion{opts: opts}
	c.events = newEvents(countSpans(td, opts.Packed))
	for _, rs := range td.ResourceSpans().All() {
		src := readSource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if spans := opts.Packed.Of(span); spans != nil {
					c.carrier(&src, rs.Resource(), spans, span)
				} else {
					c.span(&src, span)
				}
			}
		}
	}
	return c.batch()
}

// countSpans counts carriers as what they stand for.
func countSpans(td ptrace.Traces, carried *packed.Request) int {
	n := td.SpanCount()
	if carried != nil {
		n += carried.Spans()
	}
	return n
}

// conversion gathers a batch.
type conversion struct {
	opts              Options
	events            []usage.Event
	totals            []usage.ReportedTotal
	rejections, notes rejections
	same              same
	routes            map[string]string // what became of routes as they were given
}

func (c *conversion) batch() *usage.Batch {
	return &usage.Batch{Events: c.events, Totals: c.totals, Rejections: c.rejections.list, Notes: c.notes.list}
}

// add returns a new event of the batch, to be filled in place. There is room in most cases: events was made for all records.
// Growing the slice, rather than appending an empty event, spares copying some 400 bytes of zeroes.
func (c *conversion) add() *usage.Event {
	n := len(c.events)
	c.events = slices.Grow(c.events, 1)[:n+1]
	return &c.events[n]
}

// httpCall is what a span says of an HTTP call.
type httpCall struct {
	method, route, template, path, url string
	status                             int
	resend                             int
}

func (h *httpCall) take(key string, v *value) bool {
	switch key {
	case usageconv.HTTPRequestMethod:
		h.method = v.text
	case usageconv.HTTPRoute:
		h.route = v.text
	case usageconv.URLTemplate:
		h.template = v.text
	case usageconv.URLPath:
		h.path = v.text
	case usageconv.URLFull:
		h.url = v.text
	case usageconv.HTTPResponseStatus:
		if n := integer(v); n >= 100 && n <= 999 {
			h.status = int(n)
		}
	case usageconv.HTTPResendCount:
		h.resend = int(min(max(integer(v), 0), maxResends))
	default:
		return false
	}
	return true
}

// maxResends bounds the resend count to something that a client could have done.
const maxResends = 10_000

// reading is what is read of a span's attributes.
type reading struct {
	who  who
	call httpCall
	what deed
	keep kept
}

// take reads an attribute and reports whether its name means something.
func (r *reading) take(key string, v *value) bool {
	if r.call.take(key, v) || r.what.take(key, v) || r.who.take(key, v) {
		return true
	}
	if !isOurs(key) {
		return false
	}
	r.keep.put(key, v)
	return true
}

// spanHead are the parts of a span that are no attributes.
type spanHead struct {
	trace      pcommon.TraceID
	id         pcommon.SpanID
	kind       ptrace.SpanKind
	start, end pcommon.Timestamp
	status     ptrace.StatusCode
}

func (c *conversion) span(src *source, span ptrace.Span) {
	var r reading
	r.who.inherit(src)
	for key, v := range span.Attributes().All() {
		read := valueOf(v)
		r.take(key, &read)
	}
	head := spanHead{
		trace: span.TraceID(), id: span.SpanID(), kind: span.Kind(), start: span.StartTimestamp(), end: span.EndTimestamp(),
		status: span.Status().Code(),
	}
	if e := c.request(src, &head, &r, func() string { return spanRecord(span) }); e != nil {
		c.same.share(e)
	}
}

// request adds the event of a span; nil when it is refused. record is the span as it is kept in quarantine.
func (c *conversion) request(src *source, span *spanHead, r *reading, record func() string) *usage.Event {
	w, call := &r.who, &r.call
	same := src.complete(w, span.kind == ptrace.SpanKindServer)
	vantage := vantageOf(span.kind, w, call)
	reason, err := c.checkSpan(span, w, vantage)
	if reason != "" {
		c.rejections.add(w.reporter, reason, func() string { return err.Error() }, record)
		return nil
	}

	e := c.add()
	e.ID = usage.SpanID(span.trace, span.id)
	e.Kind = usage.KindRequest
	e.Vantage = vantage
	if vantage == usage.VantageServer && call.status == 401 {
		e.Kind = usage.KindAuthFailure
	}
	e.KeyID, e.Fingerprint = src.owner(w, vantage == usage.VantageServer)
	e.ReporterID = w.reporter
	e.Time = micros(span.start)
	e.Duration = span.duration()
	e.Method = method(call.method)
	e.Route = c.endpoint(call)
	e.Status = call.status
	e.ResendCount = call.resend
	e.Failed = call.status >= 400 || span.status == ptrace.StatusCodeError
	w.describe(e, src.metadataOf(same))
	r.what.describe(e)
	e.Payment, err = r.what.payment()
	if err != nil {
		r.what.keepPayment(&r.keep)
		c.notes.add(w.reporter, usage.ReasonBadPayment, func() string { return err.Error() }, record)
	}
	w.keepEnvironment(&r.keep)
	e.Attributes = r.keep.attributes()
	return e
}

// maxRoutes bounds what is remembered of a request. A service has some tens of routes.
const maxRoutes = 64

// endpoint is that of the call. A route is cleaned once, not for each of its calls.
func (c *conversion) endpoint(call *httpCall) string {
	if call.route == "" {
		return call.endpoint()
	}
	clean, known := c.routes[call.route]
	if !known {
		clean = call.endpoint()
		if c.routes == nil {
			c.routes = make(map[string]string)
		}
		if len(c.routes) < maxRoutes {
			c.routes[call.route] = clean
		}
	}
	return clean
}

// isOurs reports whether an attribute of a span is worth a place in its event. Others say how a call went on the wire,
// which the statistics do not ask, and would widen every row.
func isOurs(key string) bool {
	return strings.HasPrefix(key, "disco.") && !strings.HasPrefix(key, usageconv.ClaimedPrefix) || strings.HasPrefix(key, "cloudevents.")
}

// vantageOf says who saw the call behind a span; VantageNone when the span is no request.
func vantageOf(kind ptrace.SpanKind, w *who, call *httpCall) usage.Vantage {
	switch {
	case call.method == "":
		return usage.VantageNone
	case kind == ptrace.SpanKindServer && w.trusted:
		return usage.VantageServer
	case kind == ptrace.SpanKindClient && w.sdk.Name != "":
		return usage.VantageClient
	}
	return usage.VantageNone
}

var (
	errNotUsage = errors.New("no request that Mirrorball counts")
	errForeign  = errors.New("names the key of another, without the scope telemetry:write_any")
	errNoSpanID = errors.New("trace id or span id is zero")
	errNoTime   = errors.New("has no time")
)

// checkSpan returns "" for a span that can be stored.
func (c *conversion) checkSpan(span *spanHead, w *who, vantage usage.Vantage) (usage.Reason, error) {
	start, end := span.start, span.end
	switch {
	case w.foreign:
		return usage.ReasonForeignKey, errForeign
	case vantage == usage.VantageNone:
		return usage.ReasonNotUsage, errNotUsage
	case span.trace.IsEmpty() || span.id.IsEmpty():
		return usage.ReasonNoID, errNoSpanID
	case start == 0:
		return usage.ReasonNoTime, errNoTime
	case end < start:
		return usage.ReasonBadDuration, fmt.Errorf("ends %s before it starts", time.Duration(min(uint64(start-end), 1<<62)))
	}
	return c.checkTime(micros(start))
}

func (c *conversion) checkTime(t time.Time) (usage.Reason, error) {
	reason := c.opts.Window.Check(t, c.opts.Now)
	if reason == "" {
		return "", nil
	}
	return reason, fmt.Errorf("its time %s is outside the accepted window at %s", t.Format(time.RFC3339Nano), c.opts.Now.UTC().Format(time.RFC3339Nano))
}

// duration is in whole microseconds and at most usage.MaxLatency.
func (s *spanHead) duration() time.Duration {
	us := uint64(s.end-s.start) / 1000
	return time.Duration(min(us, usage.MaxLatency)) * time.Microsecond
}
