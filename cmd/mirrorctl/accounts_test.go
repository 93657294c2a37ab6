package main

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/httpapi"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

// operator runs the program on a database of its own.
type operator struct {
	t    *testing.T
	data string
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	t.Setenv("DATABASE_URL", "")
	t.Setenv("MIRRORBALL_PEPPER", "")
	return &operator{t, dataFolder(t, postgrestest.NewDSN(t))}
}

func (o *operator) run(args ...string) result {
	return mirrorctl(append(args, "--data", o.data)...)
}

// table returns what a command prints as a table.
func (o *operator) table(args ...string) string {
	o.t.Helper()
	got := o.run(args...)
	require.Equal(o.t, 0, got.code, "%v: %v", args, got)
	require.Empty(o.t, got.stderr)
	return got.stdout
}

// json reads what a command prints as JSON, and nothing else than v has.
func (o *operator) json(v any, args ...string) {
	o.t.Helper()
	d := json.NewDecoder(strings.NewReader(o.table(append(args, "-o", "json")...)))
	d.DisallowUnknownFields()
	require.NoError(o.t, d.Decode(v))
}

// refused requires a command to fail with a code and words.
func (o *operator) refused(code int, words string, args ...string) {
	o.t.Helper()
	got := o.run(args...)
	require.Equal(o.t, code, got.code, "%v: %v", args, got)
	require.Empty(o.t, got.stdout)
	require.Contains(o.t, got.stderr, words, args)
}

func (o *operator) register(email, organization string) registeredView {
	o.t.Helper()
	var made registeredView
	o.json(&made, "users", "create", "--email", email, "--organization-name", organization)
	return made
}

func TestUsers(t *testing.T) {
	o := newOperator(t)
	ada := o.register("ada@example.com", "Engines")
	require.Equal(t, "live", ada.Environment)
	require.Equal(t, []string{"admin", ada.Organization.ID, "Engines"}, []string{ada.User.Role, ada.User.OrganizationID, ada.User.Organization})
	require.Nil(t, ada.User.EmailConfirmedAt)

	out := o.table("users", "create", "--email", "bob@example.com", "--organization", ada.Organization.ID, "--environment", "sandbox",
		"--name", "Bob Babbage", "--requests-per-hour", "7")
	require.Regexp(t, `^dk_test_[0-9A-Za-z]{38}\n\nkey_\w+, usr_\w+ of `+ada.Organization.ID, out)
	bob := regexp.MustCompile(`usr_\w+`).FindString(out)
	require.Contains(t, out, "`mirrorctl users confirm "+bob+"`")

	list := o.table("users", "list")
	require.Regexp(t, `(?m)^ID +EMAIL +CONFIRMED +NAME`, list)
	require.Regexp(t, `(?m)^`+bob+` +bob@example.com +- +Bob Babbage +`+ada.Organization.ID+` +Engines +member +20\d\d-\d\d-\d\d$`, list)
	require.Len(t, strings.Split(list, "\n"), 4)
	var users []userView
	o.json(&users, "users", "list", "--email", "BOB@example.com")
	require.Len(t, users, 1)
	o.json(&users, "users", "list", "--organization", "org_none")
	require.Equal(t, []userView{}, users, "an empty list is [] and not null")

	require.Regexp(t, `(?m)^CONFIRMED +20\d\d`, o.table("users", "confirm", bob))
	require.Regexp(t, `(?m)^CONFIRMED +-$`, o.table("users", "confirm", bob, "--undo"))
	o.refused(exitFailed, "the last admin of the organisation", "users", "set-role", ada.User.ID, "member")
	require.Regexp(t, `(?m)^ROLE +admin$`, o.table("users", "set-role", bob, "admin"))
	require.Regexp(t, `(?m)^ROLE +member$`, o.table("users", "set-role", ada.User.ID, "member"))
	var shown userView
	o.json(&shown, "users", "show", ada.User.ID)
	require.Equal(t, "member", shown.Role)

	o.refused(exitFailed, "set-role takes one of member, admin", "users", "set-role", bob, "king")
	o.refused(exitFailed, "accepts 2 arg(s), received 1: mirrorctl users set-role usr_… member|admin", "users", "set-role", bob)
	o.refused(exitFailed, "there is no usr_none: see `mirrorctl users list`", "users", "show", "usr_none")
	o.refused(exitFailed, "there is no org_none: see `mirrorctl orgs list`", "users", "create", "--email", "eve@example.com", "--organization", "org_none")
	o.refused(exitFailed, "--email: is not a plain address", "users", "create", "--email", "eve", "--organization-name", "Looms")
	o.refused(exitFailed, "--organization-name: has 101 characters", "users", "create", "--email", "eve@example.com", "--organization-name", strings.Repeat("x", 101))
	o.refused(exitFailed, "--organization takes the id of an organisation (org_…)", "users", "create", "--email", "eve@example.com", "--organization", "Looms")
}

func TestOrganizations(t *testing.T) {
	o := newOperator(t)
	ada, eve := o.register("ada@example.com", "Engines"), o.register("eve@example.com", "Looms")
	from, into := eve.Organization.ID, ada.Organization.ID
	require.Regexp(t, `(?m)^NAME +Power Looms$`, o.table("orgs", "rename", from, "Power Looms"))
	o.refused(exitFailed, "name: must not be empty", "orgs", "rename", from, " ")

	var invited invitedView
	o.json(&invited, "orgs", "invite", from, "--email", "grace@example.com", "--role", "admin")
	require.NotEmpty(t, invited.Token)
	require.Equal(t, []string{"grace@example.com", "admin", "open"}, []string{invited.Invitation.Email, invited.Invitation.Role, invited.Invitation.Status})
	require.Regexp(t, `^[0-9A-Za-z]{32}\n\ninv_\w+ for linus@example.com, good until 20`, o.table("orgs", "invite", from, "--email", "linus@example.com"))
	require.Equal(t, "revoked "+invited.Invitation.ID+"\n", o.table("orgs", "revoke-invitation", from, invited.Invitation.ID))
	var invitations []invitationView
	o.json(&invitations, "orgs", "invitations", from)
	require.Len(t, invitations, 2)
	require.Equal(t, []string{"revoked", "open"}, []string{invitations[0].Status, invitations[1].Status})
	require.NotContains(t, o.table("orgs", "invitations", from), invited.Token)
	o.refused(exitFailed, "--role: must be one of member, admin", "orgs", "invite", from, "--email", "linus@example.com", "--role", "king")

	o.refused(exitFailed, "there is no org_none", "orgs", "merge", from, "--into", "org_none")
	o.refused(exitFailed, "--into: is the organisation itself", "orgs", "merge", from, "--into", from)
	require.Regexp(t, `(?m)^MERGED INTO +`+into+`$`, o.table("orgs", "merge", from, "--into", into))
	o.refused(exitFailed, "has been merged into "+into+" already", "orgs", "merge", from, "--into", into)
	var organizations []organizationView
	o.json(&organizations, "orgs", "list")
	require.Len(t, organizations, 2)
	require.EqualValues(t, []int64{2, 0}, []int64{organizations[0].Members, organizations[1].Members})
	require.Regexp(t, `(?m)^MEMBERS +2$`, o.table("orgs", "show", into))
	for _, id := range []string{from, into} {
		var users []userView
		o.json(&users, "users", "list", "--organization", id)
		require.Equal(t, []string{ada.User.ID, eve.User.ID}, []string{users[0].ID, users[1].ID}, "an old name is as good as the new one")
		var keys []keyView
		o.json(&keys, "keys", "list", "--organization", id)
		require.Equal(t, []string{ada.Key.ID, eve.Key.ID}, []string{keys[0].ID, keys[1].ID})
	}

	var entries []entryView
	o.json(&entries, "trail", "--action", "organization.merge")
	require.Len(t, entries, 1)
	require.Equal(t, []any{"operator", from, map[string]any{"into": into}}, []any{entries[0].Actor, entries[0].Target, entries[0].Details})
	require.Regexp(t, `(?m)^20\S+Z +operator +organization.merge +`+from+` +- +\{"into":"`+into+`"\}$`, o.table("trail", "--target", from))
	o.json(&entries, "trail", "--limit", "3")
	require.Len(t, entries, 3)
	o.refused(exitFailed, "--limit is -1", "trail", "--limit", "-1")
}

func TestKeysAreChanged(t *testing.T) {
	o := newOperator(t)
	ada := o.register("ada@example.com", "Engines")
	var k keyView
	o.json(&k, "keys", "change", ada.Key.ID, "--name", "billing", "--scope", "usage:read", "--scope", "telemetry:write", "--allowed-address", "203.0.113.0/24",
		"--allowed-address", "2001:db8::1", "--expires-at", "2099-01-01T00:00:00Z", "--requests-per-hour", "100", "--requests-per-month", "3000")
	require.Equal(t, "billing", k.Name)
	require.Equal(t, []string{"usage:read", "telemetry:write"}, k.Scopes)
	require.Equal(t, []string{"203.0.113.0/24", "2001:db8::1/128"}, k.Addresses)
	require.Equal(t, "2099-01-01T00:00:00Z", k.ExpiresAt.Format(time.RFC3339))
	require.Equal(t, []int64{100, 3000}, []int64{k.PerHour, k.PerMonth})
	shown := o.table("keys", "show", k.ID)
	require.Regexp(t, `(?m)^ALLOWED ADDRESSES +203.0.113.0/24 2001:db8::1/128$`, shown)
	require.Regexp(t, `(?m)^EXPIRES +2099-01-01T00:00:00Z$`, shown)

	k = keyView{} // what is missing in JSON must not be left from before
	o.json(&k, "keys", "change", ada.Key.ID, "--allowed-address", "everywhere", "--expires-at", "never", "--requests-per-hour", "0")
	require.Equal(t, "billing", k.Name, "what is not given stays")
	require.Empty(t, k.Addresses)
	require.Nil(t, k.ExpiresAt)
	require.Equal(t, []int64{0, 3000}, []int64{k.PerHour, k.PerMonth})

	var next newKeyView
	o.json(&next, "keys", "rotate", ada.Key.ID, "--grace", "24h")
	require.Equal(t, ada.Key.ID, next.Key.RotatedFrom)
	require.Equal(t, "billing", next.Key.Name)
	require.Regexp(t, `^dk_live_`, next.APIKey)
	o.json(&k, "keys", "show", ada.Key.ID)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), *k.ExpiresAt, time.Minute)
	require.Equal(t, "active", k.Status)
	require.Regexp(t, `^dk_live_\w{38}\n\nkey_`, o.table("keys", "rotate", next.Key.ID))
	require.Regexp(t, `(?m)^STATE +expired$`, o.table("keys", "show", next.Key.ID))
	o.refused(exitFailed, "the key has expired; create a new one", "keys", "rotate", next.Key.ID)

	for words, args := range map[string][]string{
		"--name: or another field must be given":        {},
		"--scope: \"everything\" is unknown":            {"--scope", "everything"},
		"--allowed-address is \"moon\"":                 {"--allowed-address", "moon"},
		"did you mean 10.0.0.0/8?":                      {"--allowed-address", "10.1.0.0/8"},
		"--expires-at is \"soon\"":                      {"--expires-at", "soon"},
		"--expires-at: is in the past":                  {"--expires-at", "2001-01-01T00:00:00Z"},
		"--expires-in is -1h0m0s":                       {"--expires-in", "-1h"},
		"give one of them":                              {"--expires-in", "1h", "--expires-at", "never"},
		"--requests-per-hour: is -1; it must be from 1": {"--requests-per-hour", "-1"},
	} {
		o.refused(exitFailed, words, append([]string{"keys", "change", ada.Key.ID}, args...)...)
	}
	o.refused(exitFailed, "--grace: must be from 0 to 2592000", "keys", "rotate", ada.Key.ID, "--grace", "721h")
	o.refused(exitFailed, "never the key itself", "keys", "show", ada.APIKey)
	got := o.run("keys", "change", ada.Key.ID, ada.APIKey)
	require.NotContains(t, got.stderr, ada.APIKey)
	got = o.run("keys", ada.APIKey)
	require.Equal(t, exitFailed, got.code)
	require.NotContains(t, got.stderr, ada.APIKey, "a key typed at the wrong place is not repeated")
}

// Scripts read the same names from the tool as from the API.
func TestJSONNamesAreThoseOfTheAPI(t *testing.T) {
	t.Parallel()
	for _, pair := range []struct{ tool, api any }{
		{keyView{}, httpapi.Key{}}, {newKeyView{}, httpapi.NewKey{}}, {userView{}, httpapi.User{}}, {registeredView{}, httpapi.Registered{}},
		{organizationView{}, httpapi.Organization{}}, {invitationView{}, httpapi.Invitation{}}, {invitedView{}, httpapi.Invited{}},
		{entryView{}, httpapi.TrailEntry{}},
	} {
		tool, api := jsonNames(reflect.TypeOf(pair.tool)), jsonNames(reflect.TypeOf(pair.api))
		for name, tag := range api {
			require.Equal(t, tag, tool[name], "%T: %s", pair.tool, name)
		}
	}
}

// jsonNames are the JSON tags of a struct by their names.
func jsonNames(of reflect.Type) map[string]string {
	names := map[string]string{}
	for _, f := range reflect.VisibleFields(of) {
		if tag, ok := f.Tag.Lookup("json"); ok {
			name, _, _ := strings.Cut(tag, ",")
			names[name] = tag
		}
	}
	return names
}
