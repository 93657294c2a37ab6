package apikeyprocessor

import (
	"context"
	"iter"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func (p *apiKeyProcessor) processTraces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	r, err := p.begin(ctx, spanAttributes(td))
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

// spanAttributes are the attributes that may name a key: those of resources and spans.
func spanAttributes(td ptrace.Traces) iter.Seq[pcommon.Map] {
	return func(yield func(pcommon.Map) bool) {
		for _, rs := range td.ResourceSpans().All() {
			if !yield(rs.Resource().Attributes()) {
				return
			}
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if !yield(span.Attributes()) {
						return
					}
				}
			}
		}
	}
}
