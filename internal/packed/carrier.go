package packed

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

const (
	carrierName = "packed spans"
	// attrResource of a carrier is the number of its resource in the request.
	attrResource = usageconv.StampPrefix + "packed.resource"
)

// carrierOf is a Span on the wire that stands for the spans of a resource.
func carrierOf(resource int) []byte {
	value := protowire.AppendVarint(protowire.AppendVarint(nil, uint64(valueInt)), uint64(resource))
	one := appendField(nil, pairKey, []byte(attrResource))
	one = appendField(one, pairValue, value)
	return appendField(appendField(nil, spanName, []byte(carrierName)), spanAttributes, one)
}

// IsCarrier reports whether a span is a carrier, or says that it is one.
func IsCarrier(span ptrace.Span) bool {
	if span.Name() != carrierName {
		return false
	}
	_, ok := span.Attributes().Get(attrResource)
	return ok
}

// Of is the resource whose spans a carrier stands for; nil when it is none of this request, which may be nil.
func (r *Request) Of(span ptrace.Span) *Resource {
	if r == nil || span.Name() != carrierName {
		return nil
	}
	v, ok := span.Attributes().Get(attrResource)
	if !ok || v.Type() != pcommon.ValueTypeInt || v.Int() < 0 || v.Int() >= int64(len(r.Resources)) {
		return nil
	}
	return r.Resources[v.Int()]
}

type contextKey struct{}

// NewContext is a context with a packed request.
func NewContext(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, contextKey{}, r)
}

// FromContext is the packed request of a context; nil when there is none.
func FromContext(ctx context.Context) *Request {
	r, _ := ctx.Value(contextKey{}).(*Request)
	return r
}
