package httpapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

func TestKeysAreRequired(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/analytics/usage", "/analytics/user-info", "/analytics/export", "/analytics/platform"} {
		a := b.get("", path)
		b.problem(a, 401, "unauthenticated")
		require.Equal(t, `Bearer realm="mirrorball"`, a.header.Get("WWW-Authenticate"))
		var bodies []string
		for _, key := range []string{"malformed", "unknown", "revoked", "expired", "", "  "} {
			a := b.get(key+" ", path)
			b.problem(a, 401, "unauthenticated")
			require.NotEmpty(t, a.header.Get("WWW-Authenticate"))
			bodies = append(bodies, a.body)
		}
		for _, body := range bodies {
			require.Equal(t, bodies[0], body, "a stranger does not learn what is wrong with a key")
		}
		a = b.get("away", path)
		b.problem(a, 503, "unavailable")
		require.Equal(t, "1", a.header.Get("Retry-After"))
		detail, _ := b.problem(b.get("writer", path), 403, "forbidden")
		require.Contains(t, detail, "scope")
		require.Equal(t, 200, b.get("admin", path).status)
	}
	b.problem(b.get("live", "/analytics/platform"), 403, "forbidden")
	for _, header := range []string{"Basic bGl2ZQ==", "live", "Bearerlive"} {
		r := httptest.NewRequest(http.MethodGet, "/analytics/usage", nil)
		r.Header.Set("Authorization", header)
		b.problem(b.do(r), 401, "unauthenticated")
	}
	r := httptest.NewRequest(http.MethodGet, "/analytics/usage", nil)
	r.Header["Authorization"] = []string{"Bearer live", "Bearer admin"}
	b.problem(b.do(r), 401, "unauthenticated")
	r = httptest.NewRequest(http.MethodGet, "/analytics/usage", nil)
	r.Header.Set("Authorization", "bearer live") // the scheme has no case: RFC 9110, section 11.1
	require.Equal(t, 200, b.do(r).status)
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := func(query, says string, locations ...string) {
		t.Helper()
		for _, path := range []string{"/analytics/usage", "/analytics/export"} {
			detail, got := b.problem(b.get("admin", path+"?"+query), 400, "invalid-request")
			require.Contains(t, detail, says, query)
			require.Equal(t, locations, got, query)
		}
	}
	f("start_date=2026-11-02&end_date=2026-11-01", "not before the end", "query.start_date")
	f("start_date=1926-01-01&end_date=2026-11-01", "must be 2000-01-01 or later", "query.start_date")
	f("granularity=fortnightly", "hourly, daily, weekly, monthly", "query.granularity")
	f("timezone=Mars/Olympus", "IANA", "query.timezone")
	f("start_date=soon&timezone=Mars", "must be a date", "query.timezone", "query.start_date")
	f("from=2026-01-01", "from is unknown; there are", "query.from")
	f("Start_date=2026-01-01", "start_date, end_date, timezone", "query.Start_date")
	f("timezone=UTC&timezone=Europe/Berlin", "more than once", "query.timezone")
	f("a;b=1", "not encoded", "query")
	f("timezone=%zz", "not encoded", "query")
	f(strings.Repeat("x", 5000)+"=1", "is unknown", "query."+strings.Repeat("x", 100)+"…")
	f("environment=prod", "sandbox, live", "query.environment")
	f("user_id=usr_1&key_id=key_1", "one of user_id, organization_id, key_id", "query.user_id")
	f("user_id=%00", "is not an id", "query.user_id")
	f("organization_id=org_%ff", "is not an id", "query.organization_id")
	f("key_id="+strings.Repeat("k", 3000), "is not an id", "query.key_id")
	f("key_id=key_1&environment=live", "one of user_id, organization_id, key_id", "query.user_id")
	for _, top := range []string{"0", "101", "-1", "ten", "1e1", "99999999999999999999"} {
		detail, _ := b.problem(b.get("live", "/analytics/usage?top="+top), 400, "invalid-request")
		require.Contains(t, detail, "1 to 100")
	}
	for query, says := range map[string]string{
		"format=xml": "json, csv", "format=csv&table=secrets": "time_series, endpoints", "table=endpoints": "format=csv", "top=3": "is unknown",
	} {
		detail, _ := b.problem(b.get("live", "/analytics/export?"+query), 400, "invalid-request")
		require.Contains(t, detail, says)
	}
	b.problem(b.get("admin", "/analytics/platform?environment=production"), 400, "invalid-request")
	b.problem(b.get("admin", "/analytics/platform?user_id=usr_1"), 400, "invalid-request")
	detail, _ := b.problem(b.post("", "/users/register?admin=true", `{}`), 400, "invalid-request")
	require.Contains(t, detail, "no parameters here")
}

func TestSandboxKeysSeeNothingLive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, locations := b.problem(b.get("sandbox", "/analytics/usage?environment=live"), 403, "forbidden")
	require.Equal(t, []string{"query.environment"}, locations)
	require.Equal(t, analytics.UsageQuestion{}, b.reader.asked)
}

func TestBadRegistrations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const good = `"email":"ada@example.com","organization":"Engines"`
	f := func(body, says string, locations ...string) {
		t.Helper()
		detail, got := b.problem(b.post("", "/users/register", body), 400, "invalid-request")
		require.Contains(t, detail, says, body)
		require.ElementsMatch(t, locations, got, body)
	}
	f(`{"organization":"Engines"}`, "email is required", "body.email")
	f(`{}`, "required", "body.email", "body.organization")
	f(`{"email":"`+strings.Repeat("a", 10<<10)+`@example.com","organization":"Engines"}`, "at most 254", "body.email")
	f(`{"email":"not-an-address","organization":"Engines"}`, "plain address", "body.email")
	f(`{`+good+`,"environment":"production"}`, "sandbox, live", "body.environment")
	f(`{`+good+`,"role":"admin"}`, "unexpected property", "body.role")
	f(`{`+good+`,"email":"eve@example.com"}`, "email twice", "body")
	f(`{`+good+`,"name":5}`, "expected string", "body.name")
	f(`{"email":"a\u0000b@example.com","organization":"Engines"}`, "", "body.email")
	f(`{"email":"a@b.co","organization_id":"org_\u0000"}`, "control characters", "body.organization_id")
	f("{\"email\":\"\xff@example.com\",\"organization\":\"Engines\"}", "", "body")
	f(`{`+good+`,"`+strings.Repeat("x", 50_000)+`":1}`, "unexpected property", "body."+strings.Repeat("x", 95)+"…")
	f(`[]`, "expected object", "body")
	f(`{"email":`, "not JSON", "body")
	f(`{`+good+`}{}`, "not JSON", "body")
	f(strings.Repeat(`[`, 30_000), "", "body")
	f(`null`, "", "body")
	detail, _ := b.problem(b.post("", "/users/register", ""), 400, "invalid-request")
	require.Contains(t, detail, "body is required")
	b.problem(b.post("unknown", "/users/register", `{`+good+`}`), 401, "unauthenticated")
	b.problem(b.post("live", "/users/register", `{"email":"a@b.co","organization_id":"org_1"}`), 403, "forbidden")
	b.problem(b.post("", "/users/register", `{"email":"a@b.co","organization_id":"org_1"}`), 403, "forbidden")
	require.Empty(t, b.accounts.registered)
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.problem(b.post("", "/users/register", `{"name":"`+strings.Repeat("x", 64<<10)+`"}`), 413, "too-large")
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/xml", "application/json+evil", "multipart/form-data; boundary=x"} {
		r := postRequest("", "/users/register", strings.NewReader(`{"email":"ada@example.com","organization":"Engines"}`))
		r.Header.Set("Content-Type", contentType)
		a := b.do(r)
		b.problem(a, 415, "unsupported-media-type")
		require.Equal(t, "application/json", a.header.Get("Accept"))
	}
	cut := io.MultiReader(strings.NewReader(`{"email":"ada@ex`), iotest.ErrReader(io.ErrUnexpectedEOF))
	b.problem(b.do(postRequest("", "/users/register", cut)), 400, "invalid-request")
	b.problem(b.do(postRequest("", "/users/register", iotest.ErrReader(timeout{}))), 408, "request-timeout")
	limited := postRequest("", "/users/register", strings.NewReader(strings.Repeat(" ", 100)))
	limited.Body = http.MaxBytesReader(nil, limited.Body, 10)
	b.problem(b.do(limited), 413, "too-large")
	r := postRequest("", "/users/register", strings.NewReader(`{"email":"ada@example.com","organization":"Engines"}`))
	r.Header.Set("Content-Type", "Application/JSON; charset=utf-8")
	require.Equal(t, 201, b.do(r).status)
}

type timeout struct{}

func (timeout) Error() string { return "i/o timeout" }
func (timeout) Timeout() bool { return true }

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/nothing", "/analytics", "/analytics/usage/", "/openapi.yaml", "/docs", "/user", "/users/register/x"} {
		b.problem(b.get("admin", path), 404, "not-found")
	}
	f := func(path, allow string, methods ...string) {
		for _, m := range methods {
			a := b.do(httptest.NewRequest(m, path, nil))
			b.problem(a, 405, "method-not-allowed")
			require.Equal(t, allow, a.header.Get("Allow"))
		}
		a := b.do(httptest.NewRequest(http.MethodOptions, path, nil))
		require.Equal(t, 204, a.status)
		require.Equal(t, allow, a.header.Get("Allow"))
	}
	f("/analytics/usage", "GET, HEAD, OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW")
	f("/openapi.json", "GET, HEAD, OPTIONS", "POST")
	f("/", "GET, HEAD, OPTIONS", "POST")
	f("/keys", "GET, HEAD, POST, OPTIONS", "PUT", "DELETE", "PATCH")
	f("/keys/key_1/rotate", "POST, OPTIONS", "GET", "HEAD", "PUT", "PATCH")
	f("/organizations/org_1/invitations/inv_1", "DELETE, OPTIONS", "GET", "POST")
	r := httptest.NewRequest(http.MethodHead, "/analytics/usage", nil)
	r.Header.Set("Authorization", "Bearer live")
	require.Equal(t, 200, b.do(r).status)
}

// What goes wrong inside is logged and not told.
func TestFailuresInside(t *testing.T) {
	t.Parallel()
	const secret = "SELECT password FROM users"
	for _, c := range []struct {
		err    error
		status int
		kind   string
		logged int
	}{
		{errors.New(secret), 500, "internal-error", 1},
		{fmt.Errorf("cannot count usage: %w", analytics.ErrUnavailable), 503, "unavailable", 0},
		{fmt.Errorf("cannot count usage: %w", &analytics.ParameterError{Parameter: "start_date", Message: "cuts an hour"}), 400, "invalid-request", 0},
		{fmt.Errorf("cannot find the key: %w", accounts.ErrUnavailable), 503, "unavailable", 0},
		{fmt.Errorf("cannot find the keys to count: %w", analytics.ErrNoSubject), 404, "not-found", 0},
		{apikey.ErrUnavailable, 503, "unavailable", 0},
	} {
		b := setup(t)
		b.reader.err, b.accounts.err = c.err, c.err
		answers := []answer{
			b.get("admin", "/analytics/usage"), b.get("admin", "/analytics/platform"), b.get("live", "/analytics/export?format=csv"),
			b.get("live", "/analytics/user-info"), b.post("admin", "/users/register", `{"email":"ada@example.com","organization":"Engines"}`),
		}
		for _, a := range answers {
			b.problem(a, c.status, c.kind)
			require.NotContains(t, a.body, secret)
			require.Equal(t, c.status == 503, a.header.Get("Retry-After") != "")
		}
		require.Equal(t, c.logged*len(answers), b.logs.Len())
	}
}

func TestPanicsBecomeProblems(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.reader.usage.Series = make([]analytics.Counts, 1000) // more than there are periods
	a := b.get("live", "/analytics/usage")
	b.problem(a, 500, "internal-error")
	require.Equal(t, 1, b.logs.FilterMessage("cannot answer a request").Len())
	require.NotContains(t, a.body, "runtime")
}
