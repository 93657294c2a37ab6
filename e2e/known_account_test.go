package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// registration opens two accounts: Ida's with all that may be said, Linus's with as little as may be.
func (k *known) registration(t *testing.T) {
	k.ida = k.registerAs(t, map[string]string{
		"email": "ida@example.com", "organization": "Rhodes", "name": "Ida Rhodes", "use_case": "calendars", "expected_volume": "low", "environment": "live",
	}, `{
		"user": {"id": "$user", "email": "ida@example.com", "name": "Ida Rhodes", "use_case": "calendars", "expected_volume": "low",
			"organization_id": "$organization", "role": "admin", "created_at": "$at"},
		"organization": {"id": "$organization", "name": "Rhodes"},
		"api_key": "dk_live_$secret",
		"key": {"id": "$key", "hint": "dk_live_…$tail", "environment": "live", "scopes": ["telemetry:write", "usage:read", "account:write"],
			"status": "active", "user_id": "$user", "organization_id": "$organization", "allowed_addresses": [], "created_at": "$key_at"},
		"environment": "live"
	}`)
	k.linus = k.registerAs(t, map[string]string{"email": "linus@example.com", "organization": "Kernel"}, `{
		"user": {"id": "$user", "email": "linus@example.com", "organization_id": "$organization", "role": "admin", "created_at": "$at"},
		"organization": {"id": "$organization", "name": "Kernel"},
		"api_key": "dk_test_$secret",
		"key": {"id": "$key", "hint": "dk_test_…$tail", "environment": "sandbox", "scopes": ["telemetry:write", "usage:read", "account:write"],
			"status": "active", "user_id": "$user", "organization_id": "$organization", "allowed_addresses": [], "created_at": "$key_at"},
		"environment": "sandbox"
	}`)
}

// registerAs checks the form of what cannot be foreseen, ids, the key and times, and compares the rest of the answer.
func (k *known) registerAs(t *testing.T, body map[string]string, text string) customer {
	t.Helper()
	before := time.Now()
	status, answer := k.c.call(http.MethodPost, "/users/register", "", body)
	require.Equalf(t, http.StatusCreated, status, "%s", answer)
	after := time.Now()

	c := customerOf(t, answer)
	require.Regexp(t, `^usr_[0-9A-Za-z]{20}$`, c.UserID)
	require.Regexp(t, `^org_[0-9A-Za-z]{20}$`, c.OrganizationID)
	require.Regexp(t, `^key_[0-9A-Za-z]{20}$`, c.KeyID)
	require.Regexp(t, `^dk_(test|live)_[0-9A-Za-z]{38}$`, c.Key)
	got := readJSON(t, string(answer)).(map[string]any)
	keyAt := got["key"].(map[string]any)["created_at"].(string)
	for _, text := range []string{c.RegisteredAt, keyAt} {
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		require.Falsef(t, at.Before(before.Truncate(time.Microsecond)) || at.After(after), "%s is not between %s and %s", at, before, after)
	}
	k.names = map[string]string{
		"user": c.UserID, "organization": c.OrganizationID, "key": c.KeyID, "at": c.RegisteredAt, "key_at": keyAt,
		"secret": c.Key[len("dk_live_"):], "tail": c.Key[len(c.Key)-4:],
	}
	k.expect(t, "POST /users/register", got, text, nil)
	return c
}

// recentUsage is the part of user-info that moves with the clock.
func recentUsage(t *testing.T, from, to time.Time, zone, overview, payments string) map[string]any {
	t.Helper()
	usage := expected(t, nil, `{"overview": `+overview+`, "payments": `+payments+`}`)
	usage["period"] = recentPeriod(from, to, zone)
	return map[string]any{"recent_usage": usage}
}

// Ada's claim to be Grace is shown as what it is. Her usage is that of both her live keys.
func (k *known) userInfo(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Kathmandu"} {
		got, from, to := k.recently(t, "/analytics/user-info", k.ada.Key, zone)
		k.expect(t, "GET /analytics/user-info", got, `{
			"user": {"id": "$ada", "email": "ada@example.com", "name": "E2E", "use_case": "testing", "expected_volume": "low",
			"organization_id": "$ada_org", "role": "member", "email_confirmed_at": "${day0}T05:00:00Z", "created_at": "$ada_registered"},
			"organization": {"id": "$ada_org", "name": "Analytical Engines"},
			"key": {
				"id": "$ada_key", "hint": "dk_live_…$ada_tail", "environment": "live", "scopes": ["telemetry:write", "usage:read", "account:write"],
				"status": "active", "user_id": "$ada", "organization_id": "$ada_org", "allowed_addresses": [], "created_at": "${day0}T01:00:00Z"
			},
			"claimed": {"email": "grace@example.com", "organization": "Hopper", "metadata": {"team": "ledger"}, "at": "${day0}T10:32:00Z"}
		}`, recentUsage(t, from, to, zone, adasOverview, adasPayments))
	}
}

// A key with a name and an end shows both; a claim belongs to the key that it was made with. The admin's key has no owner,
// and its usage is what was called with it.
func (k *known) userInfoOfOtherKeys(t *testing.T) {
	got, from, to := k.recently(t, "/analytics/user-info", k.adaSecond.Key, "UTC")
	expires, err := time.Parse(time.RFC3339Nano, got["key"].(map[string]any)["expires_at"].(string))
	require.NoError(t, err)
	require.InDelta(t, 720, time.Until(expires).Hours(), 0.5)
	k.names["ends"] = expires.Format(time.RFC3339Nano)
	k.expect(t, "GET /analytics/user-info", got, `{
		"user": {"id": "$ada", "email": "ada@example.com", "name": "E2E", "use_case": "testing", "expected_volume": "low",
			"organization_id": "$ada_org", "role": "member", "email_confirmed_at": "${day0}T05:00:00Z", "created_at": "$ada_registered"},
		"organization": {"id": "$ada_org", "name": "Analytical Engines"},
		"key": {
			"id": "$ada_second_key", "hint": "dk_live_…$ada_second_tail", "name": "batch", "environment": "live", "scopes": ["telemetry:write", "usage:read", "account:write"],
			"status": "active", "user_id": "$ada", "organization_id": "$ada_org", "allowed_addresses": [], "created_at": "${day1}T02:00:00Z", "expires_at": "$ends"
		}
	}`, recentUsage(t, from, to, "UTC", adasOverview, adasPayments))

	got, from, to = k.recently(t, "/analytics/user-info", k.admin, "UTC")
	k.names["admin_tail"] = k.admin[len(k.admin)-4:]
	k.names["admin_key"] = got["key"].(map[string]any)["id"].(string)
	require.True(t, strings.HasPrefix(k.names["admin_key"], "key_"))
	k.expect(t, "GET /analytics/user-info", got, `{
		"key": {
			"id": "$admin_key", "hint": "dk_live_admin_…$admin_tail", "name": "first admin key", "environment": "live", "scopes": ["admin"],
			"status": "active", "allowed_addresses": [], "created_at": "${day0}T04:00:00Z"
		}
	}`, recentUsage(t, from, to, "UTC", `{"total_requests": 1, "error_count": 0, "error_rate": 0.00, "unique_agents": 0, "agents_created": 0, "services_created": 0}`, noPayments))
}
