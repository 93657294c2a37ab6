package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// template is a request in protobuf whose times, ids and callers are marks, all of a fixed length. To fill in the marks
// costs a hundredth of encoding the request anew, which leaves the machine to what is measured.
type template struct {
	kind     [customersPerRequest]int
	profiles [customersPerRequest]profile
	calls    [spansPerRequest]call

	body  []byte
	marks struct{ trace, span, start, end, email, organization, fingerprint []int } // offsets into the body, one to a span
}

const (
	markStart = uint64(0x1122334455667788)
	markEnd   = uint64(0x8877665544332211)
)

var (
	markTrace        = [16]byte{0xf0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xf1}
	markSpan         = [8]byte{0xf2, 1, 2, 3, 4, 5, 6, 0xf3}
	markEmail        = strings.Repeat("E", len(nameCustomer(0).email))
	markOrganization = strings.Repeat("O", len(nameCustomer(0).organization))
	markFingerprint  = strings.Repeat("F", 64)
)

// encode makes the body as the middleware of sdkinstrumentation would, and finds its marks.
func (t *template) encode() error {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	res := rs.Resource().Attributes()
	res.PutStr(usageconv.ServiceName, "disco-api")
	res.PutStr(usageconv.ServiceVersion, "2026.11.1")
	res.PutStr(usageconv.TelemetryDistro, usageconv.DistroName)
	res.PutStr("telemetry.sdk.name", "opentelemetry")
	res.PutStr("telemetry.sdk.language", "go")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(usageconv.ScopeName)
	for j := range t.calls {
		t.calls[j].describe(&t.profiles[j%customersPerRequest], ss.Spans().AppendEmpty())
	}
	var err error
	if t.body, err = ptraceotlp.NewExportRequestFromTraces(td).MarshalProto(); err != nil {
		return fmt.Errorf("cannot encode a request: %w", err)
	}
	return t.findMarks()
}

func (c *call) describe(p *profile, span ptrace.Span) {
	span.SetTraceID(markTrace)
	span.SetSpanID(markSpan)
	span.SetStartTimestamp(pcommon.Timestamp(markStart))
	span.SetEndTimestamp(pcommon.Timestamp(markEnd))
	span.SetKind(ptrace.SpanKindServer)
	span.SetName(c.method + " " + c.route)
	if c.status >= 500 {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	a := span.Attributes()
	a.PutStr(usageconv.HTTPRequestMethod, c.method)
	a.PutStr(usageconv.HTTPRoute, c.route)
	a.PutInt(usageconv.HTTPResponseStatus, int64(c.status))
	put(a, usageconv.ErrorType, c.errorType)
	a.PutStr(usageconv.ClientAddress, p.address)
	a.PutStr(usageconv.UserAgentOriginal, p.userAgent)
	a.PutStr(usageconv.ClaimedEmail, markEmail)
	a.PutStr(usageconv.ClaimedOrganization, markOrganization)
	a.PutStr(usageconv.APIKeyFingerprint, markFingerprint)
	a.PutStr(usageconv.Operation, c.operation)
	put(a, usageconv.AgentID, c.agent)
	put(a, usageconv.ServiceID, c.service)
	put(a, usageconv.PaymentAmount, c.amount)
	put(a, usageconv.PaymentFee, c.fee)
	put(a, usageconv.PaymentCurrency, c.currency)
}

func put(m pcommon.Map, name, value string) {
	if value != "" {
		m.PutStr(name, value)
	}
}

func (t *template) findMarks() error {
	var failed error
	find := func(mark []byte) (found []int) {
		for at := 0; ; at += len(mark) {
			i := bytes.Index(t.body[at:], mark)
			if i < 0 {
				break
			}
			at += i
			found = append(found, at)
		}
		if len(found) != spansPerRequest {
			failed = fmt.Errorf("cannot find the marks of a request: %d instead of %d of %q", len(found), spansPerRequest, mark)
		}
		return found
	}
	t.marks.trace, t.marks.span = find(markTrace[:]), find(markSpan[:])
	t.marks.start = find(binary.LittleEndian.AppendUint64(nil, markStart))
	t.marks.end = find(binary.LittleEndian.AppendUint64(nil, markEnd))
	t.marks.email, t.marks.organization = find([]byte(markEmail)), find([]byte(markOrganization))
	t.marks.fingerprint = find([]byte(markFingerprint))
	return failed
}

// payload writes a request into buf, which it may replace, and returns it.
func (s *stream) payload(buf []byte, request int) []byte {
	t := s.template(request)
	buf = append(buf[:0], t.body...)
	m := &t.marks
	for j := range spansPerRequest {
		e := s.event(request, j)
		c := &s.customers[e.customer]
		copy(buf[m.trace[j]:], e.trace[:])
		copy(buf[m.span[j]:], e.span[:])
		binary.LittleEndian.PutUint64(buf[m.start[j]:], uint64(e.time.UnixNano()))
		binary.LittleEndian.PutUint64(buf[m.end[j]:], uint64(e.time.Add(e.call.took).UnixNano()))
		copy(buf[m.email[j]:], c.email)
		copy(buf[m.organization[j]:], c.organization)
		copy(buf[m.fingerprint[j]:], c.fingerprint)
	}
	return buf
}
