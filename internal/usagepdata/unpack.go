package usagepdata

import (
	"errors"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
)

// errLost is for carriers whose request is not in the context that came with them.
var errLost = errors.New("packed spans came without their request: between the receiver and this exporter something gathers requests or keeps them, so `packed_spans` has to be left out of `middlewares`")

// CheckCarriers fails if there are carriers of another request than this, which may be nil.
func CheckCarriers(td ptrace.Traces, carried *packed.Request) error {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if packed.IsCarrier(span) && carried.Of(span) == nil {
					return errLost
				}
			}
		}
	}
	return nil
}

// Unpack puts the spans that carriers stand for in their place, with their stamps, for a queue that outlives the request. All
// spans of a resource are then of one scope, which no event tells.
func Unpack(td ptrace.Traces, carried *packed.Request) error {
	if carried == nil {
		return nil
	}
	c := conversion{opts: Options{Packed: carried}}
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
		carried := c.opts.Packed.Of(span)
		if carried == nil {
			continue
		}
		k := c.carried(src, res, carried)
		var failed error
		err := c.opts.Packed.Each(carried, func(in packed.Reading, s *packed.Span) {
			failed = errors.Join(failed, k.decode(in, s, all.AppendEmpty()))
		})
		if err = errors.Join(err, failed); err != nil {
			return err
		}
	}
	if all.Len() > 0 {
		spans.RemoveIf(func(span ptrace.Span) bool { return c.opts.Packed.Of(span) != nil })
		all.MoveAndAppendTo(spans)
	}
	return nil
}

// decode makes a span in pdata with its stamps.
func (k *carried) decode(in packed.Reading, s *packed.Span, into ptrace.Span) error {
	span, err := in.Decode(s)
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
