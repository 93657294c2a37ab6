package usagepdata

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
)

// Unpack puts the spans that carriers carry in their place, with their stamps, for a queue that counts spans and keeps OTLP
// that is read by versions to come. All spans of a resource are then of one scope, which no event tells. It fails where a carrier
// cannot be read, and leaves that as it is.
func Unpack(td ptrace.Traces) error {
	var c conversion
	for _, rs := range td.ResourceSpans().All() {
		src := readSource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			if err := c.unpack(&src, rs.Resource(), ss.Spans()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *conversion) unpack(src *source, res pcommon.Resource, spans ptrace.SpanSlice) error {
	all := ptrace.NewSpanSlice()
	for _, span := range spans.All() {
		if !packed.Is(span) {
			continue
		}
		k := c.carried(src, res, span)
		var failed error
		err := packed.Each(packed.Spans(span), func(s *packed.Span) {
			if err := k.decode(s, all.AppendEmpty()); err != nil {
				failed = err
			}
		})
		if err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
	}
	if all.Len() > 0 {
		spans.RemoveIf(packed.Is)
		all.MoveAndAppendTo(spans)
	}
	return nil
}

// decode makes a span in pdata with its stamps.
func (k *carried) decode(s *packed.Span, into ptrace.Span) error {
	span, err := s.Decode()
	if err != nil {
		return err
	}
	says := saying{sdkNamed: k.sdkNamed}
	for name, v := range span.Attributes().All() {
		says.note(name, v.Str())
	}
	st := k.stamps(&says)
	st.put(span.Attributes())
	span.MoveTo(into)
	return nil
}
