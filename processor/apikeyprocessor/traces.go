package apikeyprocessor

import (
	"context"
	"iter"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/packed"
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
				if spans := carried.Of(span); spans != nil && r.trusted {
					r.carried(spans)
				} else {
					r.span(span)
				}
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

// carried notes what is known of the keys and addresses that packed spans name. There is nothing to take off them: they would
// not have been packed.
func (r *request) carried(spans *packed.Resource) {
	spans.Owners, spans.Countries = map[string]*apikey.Identity{}, map[string]string{}
	if owner := r.inherited.key; owner != nil {
		spans.Owners[""] = owner
	}
	for _, f := range spans.Fingerprints {
		if owner := r.named[f]; owner != nil {
			spans.Owners[f] = owner
		}
	}
	for _, a := range spans.Addresses {
		if country := r.place(a); country != "" {
			spans.Countries[a] = country
		}
	}
}

// spanFingerprints are those that resources and spans name.
func spanFingerprints(td ptrace.Traces, carried *packed.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, rs := range td.ResourceSpans().All() {
			if !yieldFingerprint(rs.Resource().Attributes(), yield) {
				return
			}
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if !yieldFingerprint(span.Attributes(), yield) || !yieldAll(carried.Of(span), yield) {
						return
					}
				}
			}
		}
	}
}

// yieldAll yields the fingerprints that packed spans name, if there are any, and says whether to go on.
func yieldAll(carried *packed.Resource, yield func(string) bool) bool {
	if carried == nil {
		return true
	}
	for _, f := range carried.Fingerprints {
		if !yield(f) {
			return false
		}
	}
	return true
}
