package apikeyprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/disco-platform/mirrorball/internal/stamp"
)

// entities drops references to entities that carry a key. They name attributes of the resource, so an honest one
// never does.
func (r *request) entities(res pcommon.Resource) {
	entity.ResourceEntityRefs(res).RemoveIf(func(ref entity.EntityRef) bool {
		if stamp.HoldsKey(ref.Type()) || stamp.HoldsKey(ref.SchemaUrl()) || anyHoldsKey(ref.IdKeys()) || anyHoldsKey(ref.DescriptionKeys()) {
			r.redacted++
			return true
		}
		return false
	})
}

func anyHoldsKey(names pcommon.StringSlice) bool {
	for _, name := range names.All() {
		if stamp.HoldsKey(name) {
			return true
		}
	}
	return false
}
