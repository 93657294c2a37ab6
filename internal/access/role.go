package access

import "github.com/disco-platform/mirrorball/internal/apikey"

// Role is what a caller is, by the scopes of its key and its owner's part in the organisation.
type Role string

// Roles, from the weakest to the strongest.
const (
	Customer          Role = "customer"           // sees what its own keys did
	OrganizationAdmin Role = "organization_admin" // manages its organisation
	Platform          Role = "platform"           // the platform's servers and gateways: reports for all, verifies keys, sees nothing
	Analyst           Role = "analyst"            // sees everybody's usage, personal data masked, and changes nothing
	Admin             Role = "admin"              // sees and changes everything
)

// RoleOf is the role of a caller. Managing an organisation takes a live key and a confirmed address: a sandbox key lies
// around in test programs, and an address that nobody confirmed may be somebody else's.
func RoleOf(id *apikey.Identity) Role {
	switch {
	case id.Has(apikey.ScopeAdmin):
		return Admin
	case id.Has(apikey.ScopeAnalyticsRead):
		return Analyst
	case id.UserID == "" && (id.Has(apikey.ScopeTelemetryWriteAny) || id.Has(apikey.ScopeKeysVerify)):
		return Platform
	case id.OrganizationAdmin && id.Confirmed && id.Environment == apikey.Live:
		return OrganizationAdmin
	}
	return Customer
}
