package access_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Scopes add up, but none makes an analyst, who sees everybody's data, one who changes it.
func TestAnalystsChangeNothing(t *testing.T) {
	t.Parallel()
	analyst := &apikey.Identity{
		KeyID: "key_1", UserID: "usr_1", OrganizationID: "org_1", Environment: apikey.Live, Confirmed: true, OrganizationAdmin: true,
		Scopes: []string{apikey.ScopeTelemetryWrite, apikey.ScopeUsageRead, apikey.ScopeAccountWrite, apikey.ScopeAnalyticsRead},
	}
	for operation, rule := range access.Rules {
		reads := strings.HasPrefix(operation, "get-") || strings.HasPrefix(operation, "list-") || strings.HasPrefix(operation, "export-")
		if !reads && !rule.Public {
			require.False(t, rule.Allows(analyst), operation)
		}
	}
	require.True(t, access.Rules["list-keys"].Allows(analyst))
	require.True(t, access.Masked(analyst))
}

// A role takes all that it is made of.
func TestRoles(t *testing.T) {
	t.Parallel()
	full := apikey.Identity{UserID: "usr_1", OrganizationID: "org_1", Environment: apikey.Live, Confirmed: true, OrganizationAdmin: true, Scopes: []string{apikey.ScopeAccountWrite}}
	f := func(want access.Role, change func(*apikey.Identity)) {
		t.Helper()
		id := full
		change(&id)
		require.Equal(t, want, access.RoleOf(&id))
	}
	f(access.OrganizationAdmin, func(*apikey.Identity) {})
	f(access.Customer, func(id *apikey.Identity) { id.Environment = apikey.Sandbox })
	f(access.Customer, func(id *apikey.Identity) { id.Confirmed = false })
	f(access.Customer, func(id *apikey.Identity) { id.OrganizationAdmin = false })
	f(access.Platform, func(id *apikey.Identity) { id.UserID, id.Scopes = "", []string{apikey.ScopeKeysVerify} })
	f(access.Analyst, func(id *apikey.Identity) { id.Scopes = []string{apikey.ScopeAnalyticsRead} })
	f(access.Admin, func(id *apikey.Identity) { id.Scopes = []string{apikey.ScopeAnalyticsRead, apikey.ScopeAdmin} })
}

func TestViews(t *testing.T) {
	t.Parallel()
	id := apikey.Identity{KeyID: "key_1", UserID: "usr_1", OrganizationID: "org_1", Environment: apikey.Sandbox, Confirmed: true, OrganizationAdmin: true}
	require.Equal(t, access.View{UserID: "usr_1", SandboxOnly: true}, access.ViewOf(&id), "a sandbox key manages nothing")
	id.Environment = apikey.Live
	require.Equal(t, access.View{OrganizationID: "org_1"}, access.ViewOf(&id))
	id.Confirmed = false
	require.Equal(t, access.View{KeyID: "key_1"}, access.ViewOf(&id), "the address may be somebody else's")
}

func TestNeedsAreTold(t *testing.T) {
	t.Parallel()
	require.Equal(t, "the scope account:write and the environment live", access.Rules["accept-invitation"].Needs())
	require.Equal(t, "the scope account:write and the role organization_admin, or the scope admin", access.Rules["change-user"].Needs())
}
