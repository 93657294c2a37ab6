package apikeyprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/stamp"
)

// facts are what one walk over the attributes of a record finds.
type facts struct {
	// named is true when there is a fingerprint. key is then its owner if the sender is trusted and the key is
	// registered; foreign is true when the sender is not trusted and it is another's.
	named, foreign bool
	key            *apikey.Identity

	sdk       bool // disco.sdk.name is given
	userAgent string
	client    string
}

// clean takes off what a sender may not write, in one walk over the attributes. Nothing is moved or allocated when there
// is nothing to take off.
func (r *request) clean(m pcommon.Map) facts {
	var f facts
	remove := false
	i := 0
	for name, v := range m.All() {
		class := r.names.classify(i, name)
		i++
		switch class {
		case stamp.Secret, stamp.Stamp, stamp.Identity:
			remove = true
			continue
		case stamp.Address, stamp.Country:
			if !r.trusted {
				remove = true
				continue
			}
			if class == stamp.Address {
				f.client = v.Str()
			}
		case stamp.Fingerprint:
			r.name(&f, v.AsString())
		case stamp.SDKName:
			f.sdk = true
		case stamp.UserAgent:
			f.userAgent = v.Str()
		}
		r.value(v, 0)
	}
	if remove {
		r.remove(m)
	}
	return f
}

// name takes note of a fingerprint. A record that has several, which OTLP does not forbid, is foreign if any one is.
func (r *request) name(f *facts, hex string) {
	if hex == "" {
		return
	}
	f.named = true
	if owner, seen := r.named[hex]; seen {
		f.key = owner
		return
	}
	fp, err := apikey.ParseFingerprint(hex)
	if r.trusted {
		if err == nil {
			f.key = r.owners[fp]
		}
		return
	}
	f.foreign = f.foreign || err != nil || fp != r.sender.Fingerprint
}

// remove takes off secrets and stamps, and makes claims of what says who somebody is.
func (r *request) remove(m pcommon.Map) {
	type claim struct{ name, value string }
	var claims []claim
	m.RemoveIf(func(name string, v pcommon.Value) bool {
		switch stamp.ClassOf(name) {
		case stamp.Secret:
			r.redacted++
			return true
		case stamp.Stamp:
			return true
		case stamp.Address, stamp.Country:
			if r.trusted {
				return false
			}
		case stamp.Identity:
		default:
			return false
		}
		r.value(v, 0)
		claims = append(claims, claim{stamp.Claimed(name), v.AsString()})
		return true
	})
	for _, c := range claims {
		if _, ok := m.Get(c.name); !ok { // what the sender itself called a claim comes first
			m.PutStr(c.name, c.value)
		}
	}
}
