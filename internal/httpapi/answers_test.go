package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// counts of n requests of which failed had an error.
func counts(n, failed int64) analytics.Counts { return analytics.Counts{Requests: n, Errors: failed} }

// someUsage has one row of everything. A quantile of bucket 100 is 2·1.04^100/2.04 = 49.512… µs.
func someUsage() analytics.Usage {
	return analytics.Usage{
		Counts: counts(8, 1), UniqueAgents: 4, AgentsCreated: 3, ServicesCreated: 2,
		Series: []analytics.Counts{counts(0, 0), counts(8, 1)},
		Payments: []analytics.Money{
			{Currency: "USD", Payments: 4, Volume: "999999999999999.99", Fees: "1.00"},
			{Currency: "EUR", Payments: 3, Volume: "10.500000000000000001", Fees: "0.1"},
		},
		Claimed:    []analytics.Money{{Currency: "EUR", Payments: 1, Volume: "1.10", Fees: "0.00"}},
		Endpoints:  []analytics.Endpoint{{Method: "GET", Route: "/a", Counts: counts(8, 1), Response: analytics.Response{Average: 1751 * time.Microsecond, Latency: usage.Latency{{Bucket: 100, Count: 8}}}}},
		SDKs:       []analytics.SDK{{Name: "disco-sdk-go", Version: "1.0.0", Language: "go", Counts: counts(3, 0)}},
		Countries:  []analytics.Named{{Name: "DE", Counts: counts(8, 1)}},
		Operations: []analytics.Named{{Name: "payments.create", Counts: counts(2, 1)}},
		Services:   []analytics.Service{{ID: "svc_1", Counts: counts(2, 0), Payments: 7}},
		Features:   []analytics.Feature{{Event: "started", Count: 9}},
	}
}

func TestUsageAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.reader.usage = someUsage()
	a := b.get("live", "/analytics/usage?start_date=2026-11-01&end_date=2026-11-02&timezone=Asia/Kathmandu")
	require.Equal(t, 200, a.status, a.body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, `{
  "subject": {"user_id": "usr_1", "environment": "live"},
  "period": {"start_date": "2026-11-01", "end_date": "2026-11-02", "granularity": "daily", "timezone": "Asia/Kathmandu"},
  "overview": {"total_requests": 8, "error_count": 1, "error_rate": 12.50, "unique_agents": 4, "agents_created": 3, "services_created": 2},
  "payments": {
    "count": 7, "volume": 999999999999999.99, "fees_collected": 1.00, "currency": "USD",
    "by_currency": [
      {"currency": "USD", "count": 4, "volume": 999999999999999.99, "fees_collected": 1.00},
      {"currency": "EUR", "count": 3, "volume": 10.500000000000000001, "fees_collected": 0.1}
    ],
    "claimed": [{"currency": "EUR", "count": 1, "volume": 1.10, "fees_collected": 0.00}]
  },
  "time_series": [
    {"period": "2026-11-01", "start": "2026-11-01T00:00:00+05:45", "end": "2026-11-02T00:00:00+05:45", "requests": 0, "errors": 0, "error_rate": 0.00},
    {"period": "2026-11-02", "start": "2026-11-02T00:00:00+05:45", "end": "2026-11-03T00:00:00+05:45", "requests": 8, "errors": 1, "error_rate": 12.50}
  ],
  "top_endpoints": [{"endpoint": "/a", "method": "GET", "count": 8, "error_count": 1, "error_rate": 12.50, "avg_response_time_ms": 1.751, "p50_ms": 0.050, "p95_ms": 0.050, "p99_ms": 0.050}],
  "sdk_versions": [{"name": "disco-sdk-go", "version": "1.0.0", "language": "go", "count": 3, "error_count": 0, "error_rate": 0.00, "share": 37.50}],
  "countries": [{"country": "DE", "count": 8, "error_count": 1, "error_rate": 12.50}],
  "operations": [{"operation": "payments.create", "count": 2, "error_count": 1, "error_rate": 50.00}],
  "services": [{"service_id": "svc_1", "count": 2, "error_count": 0, "error_rate": 0.00, "payments": 7}],
  "features": [{"event": "started", "count": 9}]
}
`, spaced(t, a.body), "to the last digit")
	require.Equal(t, analytics.Subject{UserID: "usr_1", Environment: "live"}, b.reader.asked.Subject)
	require.Equal(t, 10, b.reader.asked.Top)
}

// spaced lays JSON out as in the text above, without a look at its numbers.
func spaced(t *testing.T, body string) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("{\n")
	for i, field := range fields(t, body) {
		if i > 0 {
			out.WriteString(",\n")
		}
		out.WriteString(`  "` + field.name + `": ` + layOut(t, field.value, "  "))
	}
	out.WriteString("\n}\n")
	return out.String()
}

type field struct {
	name  string
	value json.RawMessage
}

// fields are the members of an object in their order.
func fields(t *testing.T, object string) (all []field) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(object))
	_, err := d.Token()
	require.NoError(t, err)
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
		all = append(all, field{name.(string), value})
	}
	return all
}

// layOut writes small things on one line, and one line to an element of what holds more than one object.
func layOut(t *testing.T, value json.RawMessage, indent string) string {
	t.Helper()
	text := string(value)
	nested := strings.Count(text, "{") > 1
	switch {
	case text[0] == '{' && !nested:
		var parts []string
		for _, f := range fields(t, text) {
			parts = append(parts, `"`+f.name+`": `+string(f.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case text[0] == '[' && !nested:
		var elements []json.RawMessage
		require.NoError(t, json.Unmarshal(value, &elements))
		return "[" + layOut(t, elements[0], indent) + "]"
	case text[0] == '[':
		var elements []json.RawMessage
		require.NoError(t, json.Unmarshal(value, &elements))
		var lines []string
		for _, e := range elements {
			lines = append(lines, indent+"  "+layOut(t, e, indent+"  "))
		}
		return "[\n" + strings.Join(lines, ",\n") + "\n" + indent + "]"
	case text[0] == '{': // payments: its plain members share a line
		var plain, rest []string
		for _, f := range fields(t, text) {
			member := `"` + f.name + `": `
			if f.value[0] == '[' {
				rest = append(rest, indent+"  "+member+layOut(t, f.value, indent+"  "))
			} else {
				plain = append(plain, member+string(f.value))
			}
		}
		return "{\n" + indent + "  " + strings.Join(plain, ", ") + ",\n" + strings.Join(rest, ",\n") + "\n" + indent + "}"
	}
	return text
}

// No usage is an answer of zeroes and empty lists: nothing in it is null but the currency.
func TestUsageAnswerWithoutUsage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.get("live", "/analytics/usage")
	require.Equal(t, 200, a.status)
	require.Equal(t, 1, strings.Count(a.body, "null"))
	require.Contains(t, a.body, `"payments":{"count":0,"volume":0,"fees_collected":0,"currency":null,"by_currency":[],"claimed":[]}`)
	require.Equal(t, 30, strings.Count(a.body, `"requests":0`))
}

func TestWhoseUsageIsAsked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := func(key, query string, want analytics.Subject) {
		t.Helper()
		a := b.get(key, "/analytics/usage?"+query)
		require.Equal(t, 200, a.status, a.body)
		require.Equal(t, want, b.reader.asked.Subject)
		require.Equal(t, access.ViewOf(keys[key]), b.reader.asked.By.View)
		require.Equal(t, keys[key].KeyID, b.reader.asked.By.Name)
	}
	f("live", "", analytics.Subject{UserID: "usr_1", Environment: "live"})
	f("live", "environment=sandbox&organization_id=org_1", analytics.Subject{OrganizationID: "org_1", Environment: "sandbox"})
	f("sandbox", "", analytics.Subject{UserID: "usr_1", Environment: "sandbox"})
	f("platform", "", analytics.Subject{KeyID: "key_platform", Environment: "live"})
	f("admin", "", analytics.Subject{Environment: "live"})
	f("admin", "environment=sandbox", analytics.Subject{Environment: "sandbox"})
	f("admin", "user_id=usr_2", analytics.Subject{UserID: "usr_2", Environment: "live"})
	f("admin", "organization_id=org_2&environment=sandbox", analytics.Subject{OrganizationID: "org_2", Environment: "sandbox"})
	f("admin", "key_id=key_2", analytics.Subject{KeyID: "key_2", Environment: "live"})
}

func TestErrorRateIsRoundedExactly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		failed, n int64
		want      string
	}{
		{0, 7, "0.00"}, {1, 3, "33.33"}, {2, 3, "66.67"}, {7, 7, "100.00"}, {1, 800, "0.13"}, // 0.125 is a half: up
		{1, 20_000, "0.01"}, {1, 20_001, "0.00"}, {99_999, 100_000, "100.00"}, {9_223_372_036_854_775_806, 9_223_372_036_854_775_807, "100.00"},
	} {
		b.reader.usage.Counts = counts(c.n, c.failed)
		require.Contains(t, b.get("live", "/analytics/usage").body, `"error_rate":`+c.want+`,"unique_agents"`, "%d of %d", c.failed, c.n)
	}
}

func TestPlatformAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.reader.platform = analytics.Platform{
		Counts: counts(200, 3), Response: analytics.Response{Average: 41250 * time.Microsecond, Latency: usage.Latency{{Bucket: 0, Count: 98}, {Bucket: 100, Count: 2}}},
		RegisteredUsers: 5, ActiveUsers: 4, Nobody: counts(6, 5),
		Payments:      []analytics.Money{{Currency: "EUR", Payments: 2, Volume: "7.00", Fees: "0.07"}},
		SDKs:          []analytics.SDK{{Name: "disco-sdk-go", Version: "1.0.0", Language: "go", Counts: counts(150, 1)}},
		Countries:     []analytics.Named{{Name: "IN", Counts: counts(4, 4)}},
		Organizations: []analytics.Organization{{ID: "org_1", Name: "<b>Engines</b>", Counts: counts(7, 1), Payments: 2}},
	}
	a := b.get("admin", "/analytics/platform?start_date=2026-11-02&end_date=2026-11-02")
	require.Equal(t, 200, a.status, a.body)
	require.Equal(t, `{"environment":"live","period":{"start_date":"2026-11-02","end_date":"2026-11-02","granularity":"daily","timezone":"UTC"},`+
		`"overview":{"registered_users":5,"active_users":4,"total_requests":200,"error_count":3,"error_rate":1.50},`+
		`"payments":{"count":2,"volume":7.00,"fees_collected":0.07,"currency":"EUR","by_currency":[{"currency":"EUR","count":2,"volume":7.00,"fees_collected":0.07}],"claimed":[]},`+
		`"response_times":{"avg_response_time_ms":41.250,"p50_ms":0.001,"p95_ms":0.001,"p99_ms":0.050},`+
		`"sdk_versions":[{"name":"disco-sdk-go","version":"1.0.0","language":"go","count":150,"error_count":1,"error_rate":0.67,"share":75.00}],`+
		`"top_organizations":[{"id":"org_1","name":"<b>Engines</b>","count":7,"error_count":1,"error_rate":14.29,"payments":2}],`+
		`"countries":[{"country":"IN","count":4,"error_count":4,"error_rate":100.00}],`+
		`"growth":[{"period":"2026-11-02","new_users":0,"new_keys":0}],`+
		`"unattributed":{"requests":6,"errors":5}}`+"\n", a.body)
	require.Equal(t, "live", b.reader.askedPlatform.Environment)
	require.Equal(t, now.AddDate(0, 0, -30), b.reader.askedPlatform.ActiveSince)
	require.Equal(t, 200, b.get("admin", "/analytics/platform?environment=sandbox").status)
	require.Equal(t, "sandbox", b.reader.askedPlatform.Environment)
}

func TestUserInfoAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.accounts.key = accounts.Key{
		Identity: apikey.Identity{KeyID: "key_live", Environment: "live", Scopes: []string{"usage:read"}, CreatedAt: now, UserID: "usr_1", OrganizationID: "org_1"}, Hint: "dk_live_…a1B2", Name: "laptop",
		Claimed: accounts.Claimed{Email: "eve@example.com", Metadata: map[string]string{"team": "x"}, At: now},
	}
	b.accounts.user = &accounts.User{ID: "usr_1", Email: "ada@example.com", OrganizationID: "org_1", OrganizationName: "Engines", Role: "member", CreatedAt: now}
	b.reader.usage.Counts = counts(4, 1)
	a := b.get("live", "/analytics/user-info?timezone=Europe/Berlin")
	require.Equal(t, 200, a.status, a.body)
	require.True(t, strings.HasPrefix(a.body, `{"user":{"id":"usr_1","email":"ada@example.com","organization_id":"org_1","role":"member","created_at":"2026-11-24T07:08:09Z"},"organization":{"id":"org_1","name":"Engines"},`+
		`"key":{"id":"key_live","hint":"dk_live_…a1B2","name":"laptop","status":"active","environment":"live","scopes":["usage:read"],"user_id":"usr_1","organization_id":"org_1","created_at":"2026-11-24T07:08:09Z","allowed_addresses":[]},`+
		`"claimed":{"email":"eve@example.com","metadata":{"team":"x"},"at":"2026-11-24T07:08:09Z"},`+
		`"recent_usage":{"period":{"start_date":"2026-10-26","end_date":"2026-11-24T08:15:00+01:00","granularity":"daily","timezone":"Europe/Berlin"},`+
		`"overview":{"total_requests":4,"error_count":1,"error_rate":25.00,`), a.body)

	b.accounts.key, b.accounts.user = accounts.Key{Identity: apikey.Identity{KeyID: "key_admin", Scopes: []string{"admin"}}}, nil
	a = b.get("admin", "/analytics/user-info")
	require.True(t, strings.HasPrefix(a.body, `{"key":{"id":"key_admin",`), a.body)
	require.NotContains(t, strings.Split(a.body, "recent_usage")[0], "claimed")
	require.Equal(t, analytics.Subject{KeyID: "key_admin", Environment: "live"}, b.reader.asked.Subject)
}

func TestRegister(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.post("", "/users/register", `{"email":"Ada@Example.com","organization":"=1+1","name":"Ada","use_case":"sums","expected_volume":"10k","environment":"live"}`)
	require.Equal(t, 201, a.status, a.body)
	var got struct {
		User struct{ ID, Email string }
		Key  struct{ ID, Hint string }

		Organization struct{ ID, Name string }
		Raw          string `json:"api_key"`
		Environment  string
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &got))
	require.Equal(t, "Ada@Example.com", got.User.Email)
	require.Equal(t, "=1+1", got.Organization.Name)
	require.Equal(t, "live", got.Environment)
	kind, err := apikey.Check(got.Raw)
	require.NoError(t, err)
	require.Equal(t, apikey.Kind{Environment: "live"}, kind)
	require.Equal(t, apikey.Hint(got.Raw), got.Key.Hint)
	require.Equal(t, []accounts.Registration{{
		Email: "Ada@Example.com", Organization: "=1+1", Name: "Ada", UseCase: "sums", ExpectedVolume: "10k", Environment: "live",
	}}, b.accounts.registered)

	require.Equal(t, 201, b.post("", "/users/register", `{"email":"ada@example.com","organization":"Engines"}`).status)
	require.Equal(t, "sandbox", b.accounts.registered[1].Environment, "a key that can do no harm, unless said otherwise")
	require.Equal(t, 201, b.post("admin", "/users/register", `{"email":"bob@example.com","organization_id":"org_1"}`).status)
	require.Equal(t, "org_1", b.accounts.registered[2].OrganizationID)
}

func TestRegistrationsAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const body = `{"email":"ada@example.com","organization":"Engines"}`
	from := func(key, peer string, forwarded ...string) answer {
		r := postRequest(key, "/users/register", strings.NewReader(body))
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = forwarded
		return b.do(r)
	}
	for range 3 {
		require.Equal(t, 201, from("", "192.0.2.1:1000").status)
	}
	a := from("", "192.0.2.1:2000")
	detail, _ := b.problem(a, 429, "too-many-requests")
	require.Contains(t, detail, "3 registrations an hour")
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Equal(t, 1200, wait, "a third of an hour")
	b.problem(b.post("", "/users/register", `{}`), 400, "invalid-request") // a mistake is told before the limit

	// Who says that it came from elsewhere is believed if it is a trusted proxy.
	b.problem(from("", "192.0.2.1:1000", "198.51.100.1"), 429, "too-many-requests")
	b.problem(from("", "10.0.0.1:1000", "192.0.2.1"), 429, "too-many-requests")
	b.problem(from("", "10.0.0.1:1000", "203.0.113.7, 192.0.2.1, 10.0.0.9"), 429, "too-many-requests")
	b.problem(from("", "[::ffff:10.0.0.1]:1000", "203.0.113.7", "::ffff:192.0.2.1"), 429, "too-many-requests")
	require.Equal(t, 201, from("", "10.0.0.1:1000", "192.0.2.2").status)
	require.Equal(t, 201, from("admin", "192.0.2.1:1000").status)

	// A customer of IPv6 has a whole /64.
	for _, address := range []string{"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::ffff:1]:1"} {
		require.Equal(t, 201, from("", address).status)
	}
	b.problem(from("", "[2001:db8::3]:1"), 429, "too-many-requests")
	require.Equal(t, 201, from("", "[2001:db8:0:1::3]:1").status)
}

func TestExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.reader.usage = someUsage()
	b.reader.usage.Endpoints[0].Route = "=cmd|' /C calc'!A0"
	b.reader.usage.Features = []analytics.Feature{{Event: "+1", Count: 1}, {Event: "-1", Count: 1}, {Event: "@a", Count: 1}, {Event: "\tx", Count: 1},
		{Event: "\rx", Count: 1}, {Event: `say "hi", now`, Count: 1}, {Event: "'", Count: 1}, {Event: "", Count: 1}, {Event: "a=1", Count: 1}}
	const query = "/analytics/export?start_date=2026-11-01&end_date=2026-11-02&format="
	a := b.get("live", query+"csv")
	require.Equal(t, 200, a.status, a.body)
	require.Equal(t, "text/csv; charset=utf-8; header=present", a.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="usage_2026-11-01_2026-11-02_time_series.csv"`, a.header.Get("Content-Disposition"))
	require.Equal(t, "period,start,end,requests,errors,error_rate\r\n"+
		"2026-11-01,2026-11-01T00:00:00Z,2026-11-02T00:00:00Z,0,0,0.00\r\n"+
		"2026-11-02,2026-11-02T00:00:00Z,2026-11-03T00:00:00Z,8,1,12.50\r\n", a.body)

	table := func(name string) [][]string {
		a := b.get("live", query+"csv&table="+name)
		require.Equal(t, 200, a.status, a.body)
		rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
		require.NoError(t, err)
		return rows
	}
	require.Equal(t, [][]string{
		{"method", "endpoint", "count", "error_count", "error_rate", "avg_response_time_ms", "p50_ms", "p95_ms", "p99_ms"},
		{"GET", "'=cmd|' /C calc'!A0", "8", "1", "12.50", "1.751", "0.050", "0.050", "0.050"},
	}, table("endpoints"))
	require.Equal(t, [][]string{
		{"currency", "count", "volume", "fees_collected"}, {"USD", "4", "999999999999999.99", "1.00"}, {"EUR", "3", "10.500000000000000001", "0.1"},
	}, table("payments"))
	require.Equal(t, [][]string{{"name", "version", "language", "count", "error_count", "error_rate"}, {"disco-sdk-go", "1.0.0", "go", "3", "0", "0.00"}}, table("sdk_versions"))
	require.Equal(t, [][]string{{"country", "count", "error_count", "error_rate"}, {"DE", "8", "1", "12.50"}}, table("countries"))
	require.Equal(t, [][]string{{"operation", "count", "error_count", "error_rate"}, {"payments.create", "2", "1", "50.00"}}, table("operations"))
	require.Equal(t, [][]string{{"service_id", "count", "error_count", "error_rate", "payments"}, {"svc_1", "2", "0", "0.00", "7"}}, table("services"))
	require.Equal(t, [][]string{{"event", "count"}, {"'+1", "1"}, {"'-1", "1"}, {"'@a", "1"}, {"'\tx", "1"}, {"'x", "1"}, // encoding/csv leaves a lone CR out

		{`say "hi", now`, "1"}, {"''", "1"}, {"", "1"}, {"a=1", "1"}}, table("features"))

	a = b.get("live", query+"json")
	require.Equal(t, `attachment; filename="usage_2026-11-01_2026-11-02.json"`, a.header.Get("Content-Disposition"))
	require.Equal(t, b.get("live", "/analytics/usage?start_date=2026-11-01&end_date=2026-11-02").body, a.body)
	require.Contains(t, a.body, `"volume":10.500000000000000001`)
	_ = b.get("live", query+"json")
	require.Greater(t, b.reader.asked.Top, 1000, "a file has complete lists")
}

func TestOpenPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.get("", "/")
	require.Equal(t, 200, a.status)
	require.Contains(t, a.body, `href="/openapi.json"`)
	require.Equal(t, http.StatusOK, b.get("", "/openapi.json").status)
	require.Equal(t, http.StatusOK, b.get("unknown", "/openapi.json").status)
}
