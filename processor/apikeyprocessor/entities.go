package apikeyprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// entities drops references to entities that carry a key. They name attributes of the resource, so an honest one
// never does.
func (r *request) entities(res pcommon.Resource) {
	entity.ResourceEntityRefs(res).RemoveIf(func(ref entity.EntityRef) bool {
		if holdsKey(ref.Type()) || holdsKey(ref.SchemaUrl()) || anyHoldsKey(ref.IdKeys()) || anyHoldsKey(ref.DescriptionKeys()) {
			r.redacted++
			return true
		}
		return false
	})
}

func holdsKey(s string) bool {
	_, found := apikey.Redact(s)
	return found
}

func anyHoldsKey(names pcommon.StringSlice) bool {
	for _, name := range names.All() {
		if holdsKey(name) {
			return true
		}
	}
	return false
}
