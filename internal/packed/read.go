package packed

import (
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Span is a span as the wire has it.
type Span struct {
	TraceID    [16]byte
	SpanID     [8]byte
	Kind       ptrace.SpanKind
	Start, End uint64 // nanoseconds since 1970
	Status     ptrace.StatusCode
	Attributes []Attribute

	raw []byte
}

var errUnreadable = errors.New("packed spans cannot be read")

// Each visits the spans of a carrier. A span is valid until visit returns.
func Each(scopes []byte, visit func(*Span)) error {
	var span Span
	for len(scopes) > 0 {
		f, rest, ok := next(scopes)
		if !ok || f.tag != resourceSpansScope {
			return errUnreadable
		}
		scopes = rest
		for b := f.bytes; len(b) > 0; {
			f, rest, ok := next(b)
			if !ok {
				return errUnreadable
			}
			b = rest
			if f.tag != scopeSpansSpan {
				continue
			}
			if !span.read(f.bytes) {
				return errUnreadable
			}
			visit(&span)
		}
	}
	return nil
}

func (s *Span) read(b []byte) bool {
	*s = Span{Attributes: s.Attributes[:0], raw: b}
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return false
		}
		b = rest
		switch f.tag {
		case spanAttributes:
			n := len(s.Attributes)
			s.Attributes = slices.Grow(s.Attributes, 1)[:n+1]
			if !s.Attributes[n].read(f.bytes) {
				return false
			}
		case spanTraceID:
			s.TraceID = [16]byte{}
			copy(s.TraceID[:], f.bytes)
		case spanID:
			s.SpanID = [8]byte{}
			copy(s.SpanID[:], f.bytes)
		case spanKind:
			s.Kind = ptrace.SpanKind(int32(f.bits))
		case spanStart:
			s.Start = f.bits
		case spanEnd:
			s.End = f.bits
		case spanStatus:
			s.readStatus(f.bytes)
		}
	}
	return true
}

func (s *Span) readStatus(b []byte) {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return
		}
		if b = rest; f.tag == statusCode {
			s.Status = ptrace.StatusCode(int32(f.bits))
		}
	}
}

// Decode is the span as pdata.
func (s *Span) Decode() (ptrace.Span, error) {
	scope := appendField(nil, scopeSpansSpan, s.raw)
	resource := appendField(nil, resourceSpansScope, scope)
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(appendField(nil, requestResourceSpans, resource))
	if err != nil {
		return ptrace.Span{}, fmt.Errorf("cannot decode a packed span: %w", err)
	}
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0), nil
}
