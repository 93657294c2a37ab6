package packed

import (
	"context"
	"iter"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

const carrierName = "packed spans"

// Attributes of a carrier.
const (
	// attrSpans are the ScopeSpans of the resource, each as a field of ResourceSpans in protobuf.
	attrSpans = usageconv.StampPrefix + "packed.spans"
	// attrCount is how many spans they are.
	attrCount = usageconv.StampPrefix + "packed.count"
	// attrFingerprints and attrAddresses are the different ones that the spans name, as they name them.
	attrFingerprints = usageconv.StampPrefix + "packed.fingerprints"
	attrAddresses    = usageconv.StampPrefix + "packed.addresses"
	// attrOwners has the identity behind each fingerprint that is a registered key's, and under "" that behind the key which the
	// resource names; attrCountries has the country of each address that is known to be in one. The api_key processor writes them.
	attrOwners    = usageconv.StampPrefix + "packed.owners"
	attrCountries = usageconv.StampPrefix + "packed.countries"
)

// Is reports whether a span is a carrier.
func Is(span ptrace.Span) bool {
	if span.Name() != carrierName {
		return false
	}
	_, ok := span.Attributes().Get(attrSpans)
	return ok
}

// Count is how many spans a carrier has.
func Count(carrier ptrace.Span) int {
	if v, ok := carrier.Attributes().Get(attrCount); ok {
		return int(v.Int())
	}
	return 0
}

// Spans are the spans that a carrier has, for [Each].
func Spans(carrier ptrace.Span) []byte {
	if v, ok := carrier.Attributes().Get(attrSpans); ok && v.Type() == pcommon.ValueTypeBytes {
		return v.Bytes().AsRaw()
	}
	return nil
}

// Fingerprints are those that the spans of a carrier name, each once.
func Fingerprints(carrier ptrace.Span) iter.Seq[string] { return list(carrier, attrFingerprints) }

// Addresses are those that the spans of a carrier name, each once.
func Addresses(carrier ptrace.Span) iter.Seq[string] { return list(carrier, attrAddresses) }

func list(carrier ptrace.Span, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		v, ok := carrier.Attributes().Get(name)
		if !ok || v.Type() != pcommon.ValueTypeSlice {
			return
		}
		for _, one := range v.Slice().All() {
			if !yield(one.Str()) {
				return
			}
		}
	}
}

// Owners has the attributes that are to be stamped on the spans that name a key, by its fingerprint; by "" for those that name none.
func Owners(carrier ptrace.Span) pcommon.Map { return table(carrier, attrOwners) }

// Countries has the country of each address that is known to be in one.
func Countries(carrier ptrace.Span) pcommon.Map { return table(carrier, attrCountries) }

func table(carrier ptrace.Span, name string) pcommon.Map {
	if v, ok := carrier.Attributes().Get(name); ok && v.Type() == pcommon.ValueTypeMap {
		return v.Map()
	}
	return carrier.Attributes().PutEmptyMap(name)
}

type contextKey struct{}

// NewContext marks a request whose body is the work of [Pack].
func NewContext(ctx context.Context) context.Context {
	return context.WithValue(ctx, contextKey{}, true)
}

// FromContext reports whether the request is marked.
func FromContext(ctx context.Context) bool {
	marked, _ := ctx.Value(contextKey{}).(bool)
	return marked
}
