package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/httpapi"
)

// badBody is a body that is wrong, with the part that is told and what is told of it.
type badBody struct{ method, path, body, location, says string }

var longText = strings.Repeat("x", 10<<10)

func many(one string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]"
}

func (w *world) refuses(t *testing.T, bodies []badBody) {
	t.Helper()
	for _, c := range bodies {
		a := w.send("organization_admin", sample{c.method, c.path, c.body})
		if a.status != http.StatusBadRequest {
			t.Errorf("%s %s %.60s: %d %s", c.method, c.path, c.body, a.status, a.body)
			continue
		}
		detail, locations := w.problem(a, 400, "invalid-request")
		require.Contains(t, detail, c.says, c.body)
		if c.location == "" {
			require.Empty(t, locations, c.body)
		} else {
			require.Equal(t, []string{c.location}, slices.Compact(locations), c.body)
		}
	}
}

func TestBadBodiesOfNewKeys(t *testing.T) {
	t.Parallel()
	newWorld(t).refuses(t, badKeys)
}

var badKeys = []badBody{
	{"POST", "/keys", ``, "", "body is required"},
	{"POST", "/keys", `null`, "body", ""},
	{"POST", "/keys", `[]`, "body", "expected object"},
	{"POST", "/keys", `{"name":"a","name":"b"}`, "body", "name twice"},
	{"POST", "/keys", `{"owner":"usr_1"}`, "body.owner", "unexpected property"},
	{"POST", "/keys", `{"Name":"a"}`, "body.Name", "unexpected property"},
	{"POST", "/keys", `{"name":null}`, "body", "null for name; leave the field out"},
	{"POST", "/keys", `{"name":"a\u0000b"}`, "body.name", "control characters"},
	{"POST", "/keys", `{"name":"` + longText + `"}`, "body.name", "at most 100"},
	{"POST", "/keys", `{"environment":"production"}`, "body.environment", "sandbox, live"},
	{"POST", "/keys", `{"environment":"LIVE"}`, "body.environment", "sandbox, live"},
	{"POST", "/keys", `{"scopes":[]}`, "body.scopes", "must not be empty"},
	{"POST", "/keys", `{"scopes":["root"]}`, "body.scopes", "telemetry:write"},
	{"POST", "/keys", `{"scopes":["` + longText + `"]}`, "body.scopes", "is unknown"},
	{"POST", "/keys", `{"scopes":["usage:read","usage:read"]}`, "body.scopes", "twice"},
	{"POST", "/keys", `{"scopes":` + many(`"usage:read"`, 4000) + `}`, "body.scopes", "twice"},
	{"POST", "/keys", `{"scopes":"usage:read"}`, "body.scopes", "expected array"},
	{"POST", "/keys", `{"scopes":[null]}`, "body.scopes[0]", "expected string"},
	{"POST", "/keys", `{"scopes":["admin"]}`, "body.scopes", "does not have itself"},
	{"POST", "/keys", `{"allowed_addresses":["office"]}`, "body.allowed_addresses", "no network such as"},
	{"POST", "/keys", `{"allowed_addresses":["203.0.113.9/24"]}`, "body.allowed_addresses", "did you mean 203.0.113.0/24"},
	{"POST", "/keys", `{"allowed_addresses":["::ffff:203.0.113.0/120"]}`, "body.allowed_addresses", "networks of IPv4"},
	{"POST", "/keys", `{"allowed_addresses":["fe80::1%eth0"]}`, "body.allowed_addresses", "no network such as"},
	{"POST", "/keys", `{"allowed_addresses":` + many(`"203.0.113.9"`, 51) + `}`, "body.allowed_addresses", "at most 50"},
	{"POST", "/keys", `{"allowed_addresses":` + many(`"203.0.113.9"`, 4000) + `}`, "body.allowed_addresses", "at most 50"},
	{"POST", "/keys", `{"expires_at":"tomorrow"}`, "body.expires_at", "must be a time such as"},
	{"POST", "/keys", `{"expires_at":"2099-02-30T00:00:00Z"}`, "body.expires_at", "must be a time such as"},
	{"POST", "/keys", `{"expires_at":"2099-01-01"}`, "body.expires_at", "must be a time such as"},
	{"POST", "/keys", `{"expires_at":"99999-01-01T00:00:00Z"}`, "body.expires_at", "must be a time such as"},
	{"POST", "/keys", `{"expires_at":"0001-01-01T00:00:00Z"}`, "body.expires_at", "must be a time such as"},
	{"POST", "/keys", `{"expires_at":"2001-01-01T00:00:00Z"}`, "body.expires_at", "in the past"},
	{"POST", "/keys", `{"expires_at":4102444800}`, "body.expires_at", "expected string"},
	{"POST", "/keys", `{"requests_per_hour":1e999}`, "body", "value for requests_per_hour that does not fit"},
	{"POST", "/keys", `{"requests_per_hour":1.5}`, "body.requests_per_hour", "expected integer"},
	{"POST", "/keys", `{"requests_per_hour":-1}`, "body.requests_per_hour", "from 1 to"},
	{"POST", "/keys", `{"requests_per_hour":99999999999999999999}`, "body", "value for requests_per_hour that does not fit"},
	{"POST", "/keys", `{"requests_per_month":9223372036854775807}`, "body.requests_per_month", "from 1 to"},
	{"POST", "/keys", `{"requests_per_month":"10"}`, "body.requests_per_month", "expected integer"},
	{"POST", "/keys", `{"user_id":"%' OR 1=1 --"}`, "body.user_id", "is not an id"},
	{"POST", "/keys", `{"user_id":"usr_\u0000"}`, "body.user_id", "is not an id"},
	{"POST", "/keys", `{"user_id":"` + longText + `"}`, "body.user_id", "is not an id"},
}

func TestBadBodiesOfAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := "/keys/" + w.keys["bea live"].Key.KeyID
	w.refuses(t, []badBody{
		{"PATCH", key, `{}`, "body.name", "nothing to change"},
		{"PATCH", key, ``, "", "body is required"},
		{"PATCH", key, `{"expires_at":""}`, "body.expires_at", "or never"},
		{"PATCH", key, `{"scopes":[]}`, "body.scopes", "revoke it instead"},
		{"PATCH", key, `{"name":"a\u202eb"}`, "body.name", "control characters"},
		{"PATCH", key, `{"environment":"live"}`, "body.environment", "unexpected property"},
		{"POST", key + "/rotate", `{"grace_seconds":-1}`, "body.grace_seconds", "from 0 to 2592000"},
		{"POST", key + "/rotate", `{"grace_seconds":9223372036854775807}`, "body.grace_seconds", "from 0 to 2592000"},
		{"POST", key + "/rotate", `{"grace_seconds":1.5}`, "body.grace_seconds", "expected integer"},
		{"POST", key + "/rotate", `{"grace":1}`, "body.grace", "unexpected property"},
		{"PATCH", "/users/" + w.id("bea"), `{}`, "body.role", "nothing to change"},
		{"PATCH", "/users/" + w.id("bea"), `{"role":"owner"}`, "body.role", "member, admin"},
		{"PATCH", "/users/" + w.id("bea"), `{"email_confirmed":"yes"}`, "body.email_confirmed", "expected boolean"},
		{"PATCH", "/users/" + w.id("bea"), `{"email_confirmed":true}`, "body.email_confirmed", "admins only"},
		{"PATCH", "/organizations/" + w.first, `{"name":"  "}`, "body.name", "must not be empty"},
		{"PATCH", "/organizations/" + w.first, `{"name":"` + longText + `"}`, "body.name", "at most 100"},
		{"POST", "/organizations/" + w.first + "/invitations", `{"email":"nobody"}`, "body.email", "plain address"},
		{"POST", "/organizations/" + w.first + "/invitations", `{"email":"a@b.co","role":"root"}`, "body.role", "member, admin"},
		{"POST", "/organizations/" + w.first + "/invitations", `{}`, "body", "email"},
		{"POST", "/invitations/accept", `{"token":"` + longText + `"}`, "body.token", "unknown, used up"},
		{"POST", "/invitations/accept", `{"token":"a\u0000b"}`, "body.token", "unknown, used up"},
		{"POST", "/invitations/accept", `{"token":1}`, "body.token", "expected string"},
		{"POST", "/users/confirm", `{"token":""}`, "body.token", "unknown, used up"},
	})
}

// What a body cannot be wrong about: an operation without one, and one whose fields are all optional.
func TestBodiesThatAreNotNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	revoke := "/keys/" + w.spareKey() + "/revoke"
	require.Equal(t, 200, w.send("live", sample{"POST", revoke, ``}).status)
	w.problem(w.send("live", sample{"POST", "/keys/verify", `{"key":"x","calls":0.5}`}), 403, "forbidden") // who may not ask is not told what is wrong
	for body, location := range map[string]string{
		`{"key":"x","calls":-1}`: "body.calls", `{"key":"x","calls":10001}`: "body.calls", `{"key":"x","scope":"root"}`: "body.scope",
		`{"key":"x","environment":"prod"}`: "body.environment", `{"key":"x","client_address":"here"}`: "body.client_address",
	} {
		_, locations := w.problem(w.send("platform", sample{"POST", "/keys/verify", body}), 400, "invalid-request")
		require.Equal(t, []string{location}, locations, body)
	}
	for _, raw := range []string{"", "x", strings.Repeat("k", 10<<10), "dk_live_'; DROP TABLE api_keys --", "\u0000"} {
		body, err := json.Marshal(map[string]string{"key": raw})
		require.NoError(t, err)
		a := w.send("platform", sample{"POST", "/keys/verify", string(body)})
		require.Equal(t, 200, a.status, a.body)
		require.Contains(t, a.body, `"valid":false,"code":"malformed"`)
		require.Less(t, len(a.body), 100)
	}
}

// Paths that hold what is no id, a key among them, which is never repeated.
func TestBadIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := w.keys["bea live"].Raw
	for _, id := range []string{raw, "%25", "%27", "%00", "key_%00", strings.Repeat("k", 10<<10), "key_" + strings.Repeat("k", 65), "KEY_1", "usr_", "%2e%2e", "key_1%2Frotate", "%ff"} {
		for _, request := range []sample{
			{"GET", "/keys/" + id, ""}, {"PATCH", "/keys/" + id, `{"name":"x"}`}, {"POST", "/keys/" + id + "/rotate", `{}`}, {"POST", "/keys/" + id + "/revoke", ""},
			{"GET", "/users/" + id, ""}, {"PATCH", "/users/" + id, `{"role":"admin"}`}, {"GET", "/organizations/" + id, ""},
			{"POST", "/organizations/" + id + "/merge", `{"into":"` + w.first + `"}`}, {"GET", "/organizations/" + id + "/invitations", ""},
			{"DELETE", "/organizations/" + w.first + "/invitations/" + id, ""},
		} {
			a := w.send("admin", request)
			w.problem(a, 404, "not-found")
			require.NotContains(t, a.body, raw[8:])
			require.Less(t, len(a.body), 500)
		}
	}
	for _, query := range []string{"user_id=" + raw, "organization_id=%25", "email=a%00b", "email=" + strings.Repeat("x", 10<<10)} {
		a := w.send("admin", get("/users?"+query)(w))
		w.problem(a, 400, "invalid-request")
		require.NotContains(t, a.body, raw[8:])
	}
	require.Contains(t, w.send("admin", get("/users?email=%25")(w)).body, `"users":[]`)
}

// Lists: what narrows them down and how much of them.
func TestBadLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, location := range map[string]string{
		"/keys?limit=0": "query.limit", "/keys?limit=201": "query.limit", "/keys?limit=-1": "query.limit", "/keys?limit=1.5": "query.limit", "/keys?limit=1e2": "query.limit",
		"/keys?limit=99999999999999999999": "query.limit", "/keys?status=dead": "query.status", "/keys?environment=prod": "query.environment",
		"/keys?user_id=%27": "query.user_id", "/keys?organization_id=org_%00": "query.organization_id", "/keys?sort=name": "query.sort", "/keys?limit=1&limit=2": "query.limit",
		"/users?role=admin": "query.role", "/organizations?name=x": "query.name", "/admin/trail?target=%25": "query.target",
		"/admin/trail?actor=" + strings.Repeat("x", 10<<10): "query.actor", "/admin/trail?action=%00": "query.action",
		"/organizations/" + w.first + "/invitations?cursor=x": "query.cursor", "/keys/" + w.keys["bea live"].Key.KeyID + "?verbose=1": "query.verbose",
	} {
		_, locations := w.problem(w.send("admin", get(query)(w)), 400, "invalid-request")
		require.Equal(t, []string{location}, locations, query)
	}
	detail, _ := w.problem(w.send("analyst", get("/users?email=a@b.co")(w)), 400, "invalid-request")
	require.Contains(t, detail, "not for analysts")
}

// A cursor goes on in its own list, and nothing that was made of it does.
func TestCursors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cursorOf := func(path string) string {
		var page struct {
			NextCursor string `json:"next_cursor"`
		}
		a := w.send("admin", get(path)(w))
		require.NoError(t, json.Unmarshal([]byte(a.body), &page), a.body)
		require.NotEmpty(t, page.NextCursor)
		return page.NextCursor
	}
	refused := func(path string) {
		t.Helper()
		_, locations := w.problem(w.send("admin", get(path)(w)), 400, "invalid-request")
		require.Equal(t, []string{"query.cursor"}, locations, path)
	}
	cursor := cursorOf("/keys?limit=1")
	require.Equal(t, 200, w.send("admin", get("/keys?limit=2&cursor="+cursor)(w)).status)
	for i := range cursor {
		for _, c := range []byte("A_9") {
			if cursor[i] != c {
				refused("/keys?cursor=" + cursor[:i] + string(c) + cursor[i+1:])
			}
		}
		refused("/keys?cursor=" + cursor[:i] + "%0A" + cursor[i:])
		refused("/keys?cursor=" + cursor[:i+1][:i] + "%00" + cursor[i:])
	}
	refused("/keys?cursor=" + cursor + "A")
	refused("/keys?cursor=" + cursor + "=")
	refused("/keys?cursor=" + strings.Repeat(cursor, 300))
	for _, other := range []string{"/keys?environment=live&", "/keys?status=active&", "/keys?user_id=" + w.id("bea") + "&", "/users?", "/organizations?", "/admin/trail?"} {
		refused(other + "cursor=" + cursor)
	}
	refused("/keys?cursor=" + cursorOf("/users?limit=1"))
	// Page by page a list is the whole list, each row once.
	var paged []string
	for path := "/keys?limit=3"; path != ""; {
		a := w.send("admin", get(path)(w))
		var page struct {
			Keys       []struct{ ID string }
			NextCursor string `json:"next_cursor"`
		}
		require.NoError(t, json.Unmarshal([]byte(a.body), &page))
		for _, k := range page.Keys {
			paged = append(paged, k.ID)
		}
		path = ""
		if page.NextCursor != "" {
			path = "/keys?limit=3&cursor=" + page.NextCursor
		}
	}
	whole := w.send("admin", get("/keys?limit=200")(w)).body
	require.Equal(t, len(paged), strings.Count(whole, `"hint"`))
	for i, id := range paged {
		require.NotContains(t, paged[:i], id)
	}
}

// Methods and media types of the operations with bodies.
func TestMethodsAndMediaTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/keys", "/users", "/organizations", "/admin/trail", "/keys/" + w.keys["bea live"].Key.KeyID} {
		a := w.send("admin", sample{"HEAD", path, ""})
		require.Equal(t, 200, a.status, path)
		w.problem(w.send("none", get(path)(w)), 401, "unauthenticated")
		a = w.send("none", sample{"OPTIONS", path, ""})
		require.Equal(t, 204, a.status)
		require.Contains(t, a.header.Get("Allow"), "GET, HEAD")
	}
	for _, c := range []sample{{"POST", "/keys", `{}`}, {"PATCH", "/keys/key_1", `{"name":"x"}`}, {"POST", "/keys/verify", `{"key":"x"}`}} {
		for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json"} {
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("Authorization", "Bearer "+w.raw["admin"])
			w.problem(w.do(r), 415, "unsupported-media-type")
		}
		w.problem(w.send("admin", sample{c.method, c.path, `{"name":"` + strings.Repeat("x", 64<<10) + `"}`}), 413, "too-large")
	}
}

// Whatever is not the cursor that was given is none.
func FuzzCursor(f *testing.F) {
	key := []byte("key of the tests")
	given := httpapi.Cursor(key, 42, "list-keys", "", "live")
	f.Add(given, "live")
	f.Add(given+"\n", "live")
	f.Add(given, "live\x00")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, cursor, filter string) {
		page, err := httpapi.Page(key, httpapi.PageParams{Cursor: cursor}, "list-keys", "", filter)
		switch {
		case cursor == "":
			require.NoError(t, err)
			require.Zero(t, page.After)
		case cursor == given && filter == "live":
			require.NoError(t, err)
			require.EqualValues(t, 42, page.After)
		default:
			require.Error(t, err)
			require.Equal(t, accounts.Page{Limit: 50}, page)
		}
	})
}

// Whatever is asked for, the answer is a key or a problem, and never a key that the asking one could not make.
func FuzzCreateKey(f *testing.F) {
	f.Add(`{"environment":"live","scopes":["usage:read"],"allowed_addresses":["203.0.113.0/24"],"expires_at":"2099-01-01T00:00:00Z"}`)
	f.Add(`{"scopes":[null],"requests_per_hour":1e999,"name":"a\u0000","user_id":"usr_\ud800"}`)
	f.Add(`{"scopes":["admin"],"expires_at":"2099-01-01T00:00:00+23:59","allowed_addresses":["::ffff:1.2.3.4/1"]}`)
	f.Add(`{"name":"admin"}`) // a name is no power
	f.Add(`{"requests_per_hour":9,"requests_per_month":-0}`)
	shared := setup(f)
	f.Fuzz(func(t *testing.T, body string) {
		b := *shared
		b.TB = t
		a := b.post("owner", "/keys", body)
		require.Contains(t, []int{201, 400, 413}, a.status, a.body)
		require.True(t, json.Valid([]byte(a.body)))
		if a.status == http.StatusCreated {
			var made httpapi.NewKey
			require.NoError(t, json.Unmarshal([]byte(a.body), &made))
			require.Subset(t, keys["owner"].Scopes, made.Key.Scopes)
			require.Zero(t, made.Key.PerHour, "is for admins to give")
			require.Zero(t, made.Key.PerMonth, "is for admins to give")
		}
	})
}
