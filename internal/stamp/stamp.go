package stamp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// PutIdentity writes whose a key is.
func PutIdentity(m pcommon.Map, id *apikey.Identity) {
	Put(m, usageconv.APIKeyID, id.KeyID)
	Put(m, usageconv.UserID, id.UserID)
	Put(m, usageconv.UserEmail, id.UserEmail)
	Put(m, usageconv.OrganizationID, id.OrganizationID)
	Put(m, usageconv.OrganizationName, id.OrganizationName)
	Put(m, usageconv.Environment, id.Environment)
}

// PutSDK writes which SDK made a call.
func PutSDK(m pcommon.Map, s SDK) {
	Put(m, usageconv.SDKName, s.Name)
	Put(m, usageconv.SDKVersion, s.Version)
	Put(m, usageconv.SDKLanguage, s.Language)
}

// Put leaves out what is not known.
func Put(m pcommon.Map, name, value string) {
	if value != "" {
		m.PutStr(name, value)
	}
}
