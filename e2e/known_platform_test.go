package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Users with a live key: Ada, Grace, Mallory, Eve, Ida, Alan, Lin. Active in the last 30 days: Ada, Grace and Mallory by
// requests, Eve by her event; not Ida (nothing), Alan (too long ago), Lin (calls that only her own program saw). Neither
// the admin nor the platform is a user, and what was called with their keys is in no number.
//
// Response times of the 13 requests: 1 10 10 20 30 40 50 60 80 100 100 120 300, in all 921; the 7th is the median.
//
// Requests without a key, or with one that nobody registered, are shown beside.
const everybodysPlatform = `{
	"environment": "live",
	"overview": {"registered_users": 7, "active_users": 4, "total_requests": 13, "error_count": 3, "error_rate": 23.08},
	"payments": ` + everybodysPayments + `,
	"response_times": {"avg_response_time_ms": 70.846, "p50_ms": 50, "p95_ms": 300, "p99_ms": 300},
	"sdk_versions": ` + everybodysSDKs + `,
	"top_organizations": [
		{"id": "$ada_org", "name": "Analytical Engines", "count": 9, "error_count": 3, "error_rate": 33.33, "payments": 4},
		{"id": "$grace_org", "name": "Hopper", "count": 3, "error_count": 0, "error_rate": 0.00, "payments": 1},
		{"id": "$mallory_org", "name": "=1+1", "count": 1, "error_count": 0, "error_rate": 0.00, "payments": 0}
	],
	"countries": ` + everybodysCountries + `,
	"unattributed": {"requests": 2, "errors": 1}
}`

// Growth, UTC: on day 0 Ada with her first key; on day 1 her second, Grace, and in the last second Mallory; on day 2 in the
// first Eve. Alan and Lin came in the hour before day 0, Ida when day 2 was over. In Kathmandu Alan and Lin came on day 0, and
// Mallory on day 2.
func (k *known) platformLive(t *testing.T) {
	for _, f := range []struct {
		query, granularity, zone string
		growth                   []string // "period new_users new_keys"
	}{
		{"", "daily", "UTC", []string{"$day0 1 1", "$day1 2 3", "$day2 1 1"}},
		{"&environment=live&granularity=daily&timezone=UTC&top=10", "daily", "UTC", []string{"$day0 1 1", "$day1 2 3", "$day2 1 1"}},
		{"&timezone=Asia/Kathmandu", "daily", "Asia/Kathmandu", []string{"$day0 3 3", "$day1 1 2", "$day2 2 2"}},
		{"&granularity=weekly", "weekly", "UTC", []string{k.week(0) + " 1 1", k.week(1) + " 3 4"}},
	} {
		growth := []any{}
		for _, text := range f.growth {
			point := strings.Fields(fillIn(t, k.names, text))
			growth = append(growth, map[string]any{"period": point[0], "new_users": json.Number(point[1]), "new_keys": json.Number(point[2])})
		}
		got := k.c.get("/analytics/platform?"+k.days()+f.query, k.admin)
		k.expect(t, "GET /analytics/platform", got, everybodysPlatform, map[string]any{
			"growth": growth,
			"period": map[string]any{"start_date": k.names["day0"], "end_date": k.names["day2"], "granularity": f.granularity, "timezone": f.zone},
		})
	}
}

// In the last 30 days came Alan and Lin (the day before day 0) and Ida (the day after day 2) too; what Alan called lies before.
func (k *known) platformByDefault(t *testing.T) {
	came := map[string][2]int{}
	for day, n := range map[int][2]int{-1: {2, 2}, 0: {1, 1}, 1: {2, 3}, 2: {1, 1}, 3: {1, 1}} {
		came[k.at(day, "0h").Format(time.DateOnly)] = n
	}
	got, from, to := k.recently(t, "/analytics/platform", k.admin, "UTC")
	growth := []any{}
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		growth = append(growth, map[string]any{"period": name, "new_users": number(came[name][0]), "new_keys": number(came[name][1])})
	}
	k.expect(t, "GET /analytics/platform", got, everybodysPlatform, map[string]any{"growth": growth, "period": recentPeriod(from, to, "UTC")})
}

func (k *known) week(day int) string { return periodName["weekly"](k.at(day, "0h")) }

// Lists end after `top` rows; sums and shares are still those of everything.
func (k *known) top(t *testing.T) {
	for path, lists := range map[string][]string{
		"/analytics/platform?": {"sdk_versions", "top_organizations", "countries"},
		"/analytics/usage?":    {"top_endpoints", "sdk_versions", "countries", "operations", "services", "features"},
	} {
		want, got := k.c.get(path+k.days(), k.admin), k.c.get(path+"top=1&"+k.days(), k.admin)
		for _, name := range lists {
			want[name] = want[name].([]any)[:1]
		}
		equalAnswer(t, want, got)
	}
}

// In the sandbox are Linus and, since day 2, Ada: her live key of day 0 made her no user there. Requests without a key are
// of no environment and shown in both.
func (k *known) platformSandbox(t *testing.T) {
	got := k.c.get("/analytics/platform?environment=sandbox&"+k.days(), k.admin)
	k.expect(t, "GET /analytics/platform", got, `{
		"environment": "sandbox",
		"period": {"start_date": "$day0", "end_date": "$day2", "granularity": "daily", "timezone": "UTC"},
		"overview": {"registered_users": 2, "active_users": 2, "total_requests": 2, "error_count": 1, "error_rate": 50.00},
		"payments": {
			"count": 0, "volume": 0, "fees_collected": 0, "currency": null, "by_currency": [],
			"claimed": [{"currency": "JPY", "count": 1, "volume": 5, "fees_collected": 0}]
		},
		"response_times": {"avg_response_time_ms": 15.000, "p50_ms": 10, "p95_ms": 20, "p99_ms": 20},
		"sdk_versions": [
			{"name": "disco-sdk-go", "version": "1.0.0", "language": "go", "count": 1, "error_count": 0, "error_rate": 0.00, "share": 50.00},
			{"name": "disco-sdk-go", "version": "1.1.0", "language": "go", "count": 1, "error_count": 1, "error_rate": 100.00, "share": 50.00}
		],
		"top_organizations": [
			{"id": "$linus_org", "name": "Kernel", "count": 1, "error_count": 0, "error_rate": 0.00, "payments": 0},
			{"id": "$ada_org", "name": "Analytical Engines", "count": 1, "error_count": 1, "error_rate": 100.00, "payments": 0}
		],
		"countries": [
			{"country": "GB", "count": 1, "error_count": 1, "error_rate": 100.00},
			{"country": "US", "count": 1, "error_count": 0, "error_rate": 0.00}
		],
		"growth": [
			{"period": "$day0", "new_users": 1, "new_keys": 1},
			{"period": "$day1", "new_users": 0, "new_keys": 0},
			{"period": "$day2", "new_users": 1, "new_keys": 1}
		],
		"unattributed": {"requests": 2, "errors": 1}
	}`, nil)
}

// A customer's key and the platform's own are turned away, and so is no key at all.
func (k *known) platformIsForAdmins(t *testing.T) {
	for key, want := range map[string]int{
		k.ada.Key: http.StatusForbidden, k.linus.Key: http.StatusForbidden, k.platform: http.StatusForbidden, "": http.StatusUnauthorized,
	} {
		status, body := k.c.call(http.MethodGet, "/analytics/platform?"+k.days(), key, nil)
		require.Equalf(t, want, status, "%s", body)
	}
}
