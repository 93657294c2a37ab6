package apikeyprocessor

import (
	"context"
	"iter"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/packed"
	"github.com/disco-platform/mirrorball/internal/stamp"
)

func (p *apiKeyProcessor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	carried := packed.FromContext(ctx)
	r, err := p.begin(ctx, spanFingerprints(td, carried))
	if err != nil {
		return td, err
	}
	for _, rs := range td.ResourceSpans().All() {
		r.resource(rs.Resource())
		r.text(rs.SchemaUrl(), rs.SetSchemaUrl)
		for _, ss := range rs.ScopeSpans().All() {
			r.scope(ss.Scope())
			r.text(ss.SchemaUrl(), ss.SetSchemaUrl)
			for _, span := range ss.Spans().All() {
				if carried && r.trusted && packed.Is(span) {
					r.carrier(span)
					continue
				}
				r.span(span)
			}
		}
	}
	p.end(ctx, r)
	return td, nil
}

func (r *request) span(span ptrace.Span) {
	r.record(span.Attributes())
	r.text(span.Name(), span.SetName)
	r.text(span.Status().Message(), span.Status().SetMessage)
	r.text(span.TraceState().AsRaw(), span.TraceState().FromRaw)
	for _, event := range span.Events().All() {
		r.clean(event.Attributes())
		r.text(event.Name(), event.SetName)
	}
	for _, link := range span.Links().All() {
		r.clean(link.Attributes())
		r.text(link.TraceState().AsRaw(), link.TraceState().FromRaw)
	}
}

func (r *request) scope(scope pcommon.InstrumentationScope) {
	r.clean(scope.Attributes())
	r.text(scope.Name(), scope.SetName)
	r.text(scope.Version(), scope.SetVersion)
}

// carrier notes on a carrier what is known of the keys and addresses that its spans name. There is nothing to take off
// those: they would not have been packed.
func (r *request) carrier(span ptrace.Span) {
	owners := packed.Owners(span)
	if owner := r.inherited.key; owner != nil {
		stamp.PutIdentity(owners.PutEmptyMap(""), owner)
	}
	for f := range packed.Fingerprints(span) {
		if owner := r.named[f]; owner != nil {
			stamp.PutIdentity(owners.PutEmptyMap(f), owner)
		}
	}
	countries := packed.Countries(span)
	for a := range packed.Addresses(span) {
		stamp.Put(countries, a, r.place(a))
	}
}

// spanFingerprints are those that resources and spans name.
func spanFingerprints(td ptrace.Traces, carried bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, rs := range td.ResourceSpans().All() {
			if !yieldFingerprint(rs.Resource().Attributes(), yield) {
				return
			}
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if !yieldFingerprint(span.Attributes(), yield) {
						return
					}
					if !carried {
						continue
					}
					for f := range packed.Fingerprints(span) {
						if !yield(f) {
							return
						}
					}
				}
			}
		}
	}
}
