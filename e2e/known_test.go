package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	server = ptrace.SpanKindServer
	client = ptrace.SpanKindClient
)

// known is a small history of a few customers, sent over every way in, with its figures worked out by hand in the tests
// of the single answers.
//
// Day 0 is a Sunday, ten to sixteen days ago, UTC; so day 1 begins an ISO week. Calls as the platform's servers saw them:
//
//	Ada      day 0 10:00  POST /payments       201  120 ms  a1 s1  12.50 EUR fee 0.25   v1.0.0  US
//	         day 0 10:05  POST /payments       201   80 ms  a2 s1   7.25 EUR fee 0.15   v1.0.0  US
//	         day 0 10:20  POST /payments       402   40 ms  a1      5.00 EUR            v1.0.0  US   (failed: no payment)
//	         day 0 11:00  GET  /payments/{id}  200   20 ms  a1                          v1.1.0  GB   (with her second key)
//	         day 0 23:50  GET  /payments/{id}  500  300 ms                              v1.1.0  GB
//	         day 1 00:00  POST /agents         201   60 ms  a3 agents.create            v1.1.0  GB
//	         day 1 08:00  POST /payments       201  100 ms  a1    100.00 USD fee 1.00   v1.1.0  GB
//	         day 1 09:00  GET  /payments/{id}  401    1 ms                              v1.1.0  GB
//	         day 1 10:00  POST /payments       201  100 ms  a1    NaN EUR               v1.1.0  GB   (bad amount: a request, no payment)
//	Grace    day 0 12:00  GET  /services       200   10 ms                              v1.0.0  US
//	         day 0 12:30  GET  /services       200   10 ms                              v1.0.0  US
//	         day 2 12:00  POST /services       201   30 ms  s9 services.create          v1.0.0  US
//	Mallory  day 1 15:00  GET  +route          200   50 ms  and every other name a formula too; no address
//	Alan     80 and 40 days ago, nothing since:  GET /services 500 5 ms, then 200 5 ms
//	sandbox  day 0 13:00  GET  /services       200   10 ms  Linus                       v1.0.0  US
//	         day 2 07:00  GET  /payments/{id}  404   20 ms  Ada                         v1.1.0  GB
//	nobody   day 1 11:00  GET  /payments/{id}  401    2 ms  without a key
//	         day 1 11:01  GET  /payments/{id}  200    2 ms  with a key that nobody registered
//	         day 0 14:00  POST /payments       201    9 ms  999.00 EUR, with the platform's own key
//	         day 0 14:10  GET  /payments/{id}  200    9 ms  with the admin's key
//
// CloudEvents of the platform: for Ada, day 1 12:00, a payment of 3.10 EUR fee 0.05 and an agent created (a4); for Grace,
// day 2 13:00, a payment of 50.5 USD fee 0.505; for nobody a payment of 777 EUR.
//
// Customers' own programs say more: claims, client-side calls, forgeries, custom events (known_send_test.go). Eve sends a
// custom event and nothing else, Lin a client-side span and nothing else, Ida nothing at all.
type known struct {
	c        *collector
	today    time.Time
	day      time.Time
	platform string
	admin    string
	names    map[string]string // what $names in expected answers stand for
	compared routes

	ada, adaSecond, adaSandbox                 customer
	grace, mallory, eve, ida, alan, lin, linus customer
}

func (k *known) at(day int, clock string) time.Time {
	d, err := time.ParseDuration(clock)
	if err != nil {
		panic(err)
	}
	return k.day.AddDate(0, 0, day).Add(d)
}

// daysAgo is 09:00 of a day, counted from today and not from day 0.
func (k *known) daysAgo(n int) time.Time {
	return k.today.AddDate(0, 0, -n).Add(9 * time.Hour)
}

// TestKnownNumbers compares every field of every answer of the API.
func TestKnownNumbers(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	k := &known{c: c, platform: c.key("platform"), admin: c.key("admin"), compared: routes{}}
	k.today = time.Now().UTC().Truncate(24 * time.Hour)
	k.day = k.today.AddDate(0, 0, -10)
	k.day = k.day.AddDate(0, 0, -int(k.day.Weekday()))
	t.Run("Registration", k.registration)
	k.open(t)
	k.send(t)
	require.Positive(t, c.metric("otelcol_extension_packed_spans_spans"), "the platform's spans go the way that is measured")

	t.Run("Usage", k.usageByPeriod)
	t.Run("UsageByDefault", k.usageByDefault)
	t.Run("UsageOfQuarterHours", k.usageOfQuarterHours)
	t.Run("UsageOverMidnight", k.usageOverMidnight)
	t.Run("UsageOfOthers", k.usageOfOthers)
	t.Run("UsageForAdmins", k.usageForAdmins)
	t.Run("UsageOfLongAgo", k.usageOfLongAgo)
	t.Run("Platform", k.platformLive)
	t.Run("PlatformByDefault", k.platformByDefault)
	t.Run("PlatformSandbox", k.platformSandbox)
	t.Run("Top", k.top)
	t.Run("PlatformIsForAdmins", k.platformIsForAdmins)
	t.Run("UserInfo", k.userInfo)
	t.Run("UserInfoOfOtherKeys", k.userInfoOfOtherKeys)
	t.Run("ExportJSON", k.exportJSON)
	t.Run("ExportCSV", k.exportCSV)
	t.Run("ExportOfFormulas", k.exportOfFormulas)
	t.Run("NothingLeftOut", k.nothingLeftOut)
	t.Run("Reconcile", func(t *testing.T) { require.Contains(t, c.reconcile(), "equal") })
}

// open opens the accounts, and dates their keys back: the API has no way to register in the past.
func (k *known) open(t *testing.T) {
	c := k.c
	k.ada = c.register("ada@example.com", "Analytical Engines", "live")
	k.adaSecond = c.createKey(k.ada, "--name", "batch", "--expires-in", "720h")
	k.adaSandbox = c.createKey(k.ada, "--name", "trial", "--environment", "sandbox")
	k.grace = c.register("grace@example.com", "Hopper", "live")
	k.mallory = c.register("mallory@example.com", "=1+1", "live")
	k.eve = c.register("eve@example.com", "Eavesdrop", "live")
	k.alan = c.register("alan@example.com", "Bletchley", "live")
	k.lin = c.register("lin@example.com", "Clark", "live")
	const backdate = "UPDATE api_keys SET created_at = $2 WHERE id = $1"
	for id, at := range map[string]time.Time{
		k.ada.KeyID: k.at(0, "1h"), k.adaSecond.KeyID: k.at(1, "2h"), k.adaSandbox.KeyID: k.at(2, "6h"),
		k.grace.KeyID: k.at(1, "3h"), k.mallory.KeyID: k.at(1, "23h59m59s"), k.eve.KeyID: k.at(2, "0h"), k.linus.KeyID: k.at(0, "5h"),
		k.alan.KeyID: k.at(-1, "23h"), k.lin.KeyID: k.at(-1, "23h59m59s"), k.ida.KeyID: k.at(3, "0h"),
	} {
		c.change(t, backdate, id, at)
	}
	// Who is confirmed sees all keys of its user; who manages an organisation would see the organisation's.
	c.change(t, "UPDATE users SET email_confirmed_at = $1, role = 'member' WHERE organization IS NOT NULL", k.at(0, "5h"))
	c.change(t, "UPDATE api_keys SET created_at = $1 WHERE user_seq IS NULL", k.at(0, "4h")) // the admin's and the platform's own
	k.names = map[string]string{}
	for i := range 4 {
		k.names[fmt.Sprint("day", i)] = k.at(i, "0h").Format(time.DateOnly)
	}
	for name, c := range map[string]customer{
		"ada": k.ada, "ada_second": k.adaSecond, "ada_sandbox": k.adaSandbox, "grace": k.grace, "mallory": k.mallory, "alan": k.alan, "linus": k.linus,
	} {
		k.names[name], k.names[name+"_org"], k.names[name+"_key"] = c.UserID, c.OrganizationID, c.KeyID
		k.names[name+"_tail"], k.names[name+"_registered"] = c.Key[len(c.Key)-4:], c.RegisteredAt
	}
}

// expect compares a whole answer, in which $names stand for ids and dates, and notes what of the route has been compared.
// Parts that are not written down in text are given beside it.
func (k *known) expect(t *testing.T, route string, got any, text string, parts map[string]any) {
	t.Helper()
	want := expected(t, k.names, text)
	for name, part := range parts {
		want[name] = part
	}
	equalAnswer(t, want, got)
	k.compared.note(route, got)
}

// recently asks a question without dates, and returns with the answer the window that it is about: the last 30 local
// days, until the quarter of an hour is over in which the question was asked.
func (k *known) recently(t *testing.T, path, key, zone string) (answer map[string]any, from, to time.Time) {
	t.Helper()
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	quarter := func() time.Time { return time.Now().In(location).Truncate(15 * time.Minute).Add(15 * time.Minute) }
	for to = quarter(); ; to = quarter() { // once more when a quarter ended while we asked
		answer = k.c.get(path+"?timezone="+zone, key)
		if key, ok := answer["key"].(map[string]any); ok {
			delete(key, "last_used_at")
		}
		if to.Equal(quarter()) {
			last := to.Add(-time.Second)
			return answer, time.Date(last.Year(), last.Month(), last.Day()-29, 0, 0, 0, 0, location), to
		}
	}
}

// recentPeriod is how an answer names such a window.
func recentPeriod(from, to time.Time, zone string) map[string]any {
	return map[string]any{"start_date": from.Format(time.DateOnly), "end_date": to.Format(time.RFC3339), "granularity": "daily", "timezone": zone}
}

// days are day 0 to day 2, as a query.
func (k *known) days() string {
	return "start_date=" + k.names["day0"] + "&end_date=" + k.names["day2"]
}
