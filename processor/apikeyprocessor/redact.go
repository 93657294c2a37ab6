package apikeyprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/internal/stamp"
)

// maxDepth bounds how deep values may be nested. Deeper ones are emptied: nobody writes them by hand, and each level
// costs stack.
const maxDepth = 32

// value takes keys out of a value, however deep.
func (r *request) value(v pcommon.Value, depth int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		if s, found := apikey.Redact(v.Str()); found {
			v.SetStr(s)
			r.redacted++
		}
	case pcommon.ValueTypeBytes:
		r.bytes(v.Bytes())
	case pcommon.ValueTypeMap:
		if depth == maxDepth {
			v.SetStr("")
			return
		}
		r.nested(v.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		if depth == maxDepth {
			v.SetStr("")
			return
		}
		for _, element := range v.Slice().All() {
			r.value(element, depth+1)
		}
	}
}

func (r *request) nested(m pcommon.Map, depth int) {
	remove := false
	for name, v := range m.All() {
		if nestedSecret(name) {
			remove = true
			continue
		}
		r.value(v, depth)
	}
	if !remove {
		return
	}
	m.RemoveIf(func(name string, _ pcommon.Value) bool {
		if nestedSecret(name) {
			r.redacted++
			return true
		}
		return false
	})
}

func nestedSecret(name string) bool { return stamp.HoldsKey(name) || keyauth.IsSecret(name) }

func (r *request) bytes(b pcommon.ByteSlice) {
	// A copy is dear, so it is made only where a key may be.
	if !mayHoldKey(b) {
		return
	}
	if s, found := apikey.Redact(string(b.AsRaw())); found {
		b.FromRaw([]byte(s))
		r.redacted++
	}
}

func mayHoldKey(b pcommon.ByteSlice) bool {
	for i := 0; i+2 < b.Len(); i++ {
		if b.At(i) == 'd' && b.At(i+1) == 'k' && b.At(i+2) == '_' {
			return true
		}
	}
	return false
}

// text takes keys out of a field that is no attribute.
func (r *request) text(s string, set func(string)) {
	if clean, found := apikey.Redact(s); found {
		set(clean)
		r.redacted++
	}
}
