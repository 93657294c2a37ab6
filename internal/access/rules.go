package access

import (
	"slices"
	"strings"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Grant opens an operation to keys with a scope; if Role is set, only to those of that role, and if Live is set, to live ones.
type Grant struct {
	Scope string
	Role  Role
	Live  bool
}

// Rule is who may call an operation: whoever one of the grants fits.
type Rule struct {
	Grants []Grant
	// Public operations may be called without a key. A key that is sent all the same must be good.
	Public bool
}

// Grants that several operations have in common.
var (
	admins     = Grant{Scope: apikey.ScopeAdmin}
	analysts   = Grant{Scope: apikey.ScopeAnalyticsRead}
	readers    = Grant{Scope: apikey.ScopeUsageRead}
	owners     = Grant{Scope: apikey.ScopeAccountWrite}
	movers     = Grant{Scope: apikey.ScopeAccountWrite, Live: true}
	organizers = Grant{Scope: apikey.ScopeAccountWrite, Role: OrganizationAdmin}
)

// Rules are the operations of the API by their ids in the OpenAPI document. An operation that is missing here is not served.
var Rules = map[string]Rule{
	"get-usage":     {Grants: []Grant{readers, analysts, admins}},
	"export-usage":  {Grants: []Grant{readers, analysts, admins}},
	"get-user-info": {Grants: []Grant{readers, analysts, admins}},
	"get-platform":  {Grants: []Grant{analysts, admins}},

	"list-keys":  {Grants: []Grant{readers, owners, analysts, admins}},
	"get-key":    {Grants: []Grant{readers, owners, analysts, admins}},
	"create-key": {Grants: []Grant{owners, admins}},
	"change-key": {Grants: []Grant{owners, admins}},
	"rotate-key": {Grants: []Grant{owners, admins}},
	"revoke-key": {Grants: []Grant{owners, admins}},
	"verify-key": {Grants: []Grant{{Scope: apikey.ScopeKeysVerify}, {Scope: apikey.ScopeTelemetryWriteAny}, admins}},

	"register-user":        {Public: true},
	"confirm-email":        {Public: true},
	"request-confirmation": {Grants: []Grant{owners}},
	"list-users":           {Grants: []Grant{readers, owners, analysts, admins}},
	"get-user":             {Grants: []Grant{readers, owners, analysts, admins}},
	"change-user":          {Grants: []Grant{organizers, admins}},

	"list-organizations":  {Grants: []Grant{readers, owners, analysts, admins}},
	"get-organization":    {Grants: []Grant{readers, owners, analysts, admins}},
	"change-organization": {Grants: []Grant{organizers, admins}},
	"merge-organization":  {Grants: []Grant{admins}},
	"list-invitations":    {Grants: []Grant{organizers, admins}},
	"create-invitation":   {Grants: []Grant{organizers, admins}},
	"revoke-invitation":   {Grants: []Grant{organizers, admins}},
	"accept-invitation":   {Grants: []Grant{movers}}, // who finds a sandbox key must not move its owner elsewhere

	"list-trail": {Grants: []Grant{admins}},
}

// Allows reports whether a caller may call the operation; id is nil for a call without a key.
func (r Rule) Allows(id *apikey.Identity) bool {
	if id == nil || r.Public {
		return r.Public
	}
	return slices.ContainsFunc(r.Grants, func(g Grant) bool { return g.fits(id) })
}

// fits has an analyst change nothing, whatever other scopes its key has: what it sees is everybody's.
func (g Grant) fits(id *apikey.Identity) bool {
	role := RoleOf(id)
	return id.Has(g.Scope) && (g.Role == "" || g.Role == role) && (!g.Live || id.Environment == apikey.Live) &&
		(role != Analyst || g.Scope != apikey.ScopeAccountWrite)
}

// Needs says in words what a key has to have.
func (r Rule) Needs() string {
	needs := make([]string, len(r.Grants))
	for i, g := range r.Grants {
		needs[i] = "the scope " + g.Scope
		if g.Role != "" {
			needs[i] += " and the role " + string(g.Role)
		}
		if g.Live {
			needs[i] += " and the environment live"
		}
	}
	return strings.Join(needs, ", or ")
}
