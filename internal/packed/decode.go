package packed

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// decode makes pdata of a span on the wire.
func decode(raw []byte) (ptrace.Span, error) {
	scope := appendField(nil, scopeSpansSpan, raw)
	resource := appendField(nil, resourceSpansScope, scope)
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(appendField(nil, requestResourceSpans, resource))
	if err != nil {
		return ptrace.Span{}, fmt.Errorf("cannot decode a packed span: %w", err)
	}
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0), nil
}
