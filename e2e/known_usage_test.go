package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// adasCalls are her nine requests.
func (k *known) adasCalls() []call {
	return []call{
		{k.at(0, "10h"), false}, {k.at(0, "10h5m"), false}, {k.at(0, "10h20m"), true}, {k.at(0, "11h"), false}, {k.at(0, "23h50m"), true},
		{k.at(1, "0h"), false}, {k.at(1, "8h"), false}, {k.at(1, "9h"), true}, {k.at(1, "10h"), false},
	}
}

// cut is the period and the time series of an answer about whole days.
func (k *known) cut(t *testing.T, calls []call, first, last time.Time, granularity, zone string) (parts map[string]any, busy string) {
	t.Helper()
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	midnight := func(day time.Time) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, location)
	}
	series, busy := timeSeries(calls, midnight(first), midnight(last.AddDate(0, 0, 1)), granularity)
	return map[string]any{
		"time_series": series,
		"period": map[string]any{
			"start_date": first.Format(time.DateOnly), "end_date": last.Format(time.DateOnly), "granularity": granularity, "timezone": zone,
		},
	}, busy
}

// Whatever the periods are, empty ones among them, the rest of the answer stays the same: weeks and months are asked
// about from further back, where Ada did nothing.
func (k *known) usageByPeriod(t *testing.T) {
	const kathmandu = "Asia/Kathmandu" // 5 h 45 min ahead: 23:50, and all after 18:15 UTC, belong to the next day
	for _, f := range []struct {
		granularity, zone string
		daysBefore        int
		periods           int
		busy              string // requests/errors of the periods that are not empty
	}{
		{"hourly", "UTC", 0, 72, "3/1 1/0 1/1 1/0 1/0 1/1 1/0"},
		{"daily", "UTC", 0, 3, "5/2 4/1"},
		{"weekly", "UTC", 35, 7, "5/2 4/1"}, // a Sunday, five whole weeks, a Monday and Tuesday
		{"monthly", "UTC", 70, 0, ""},       // how many months, and which, depends on today
		{"hourly", kathmandu, 0, 72, "2/0 2/1 2/1 1/0 1/1 1/0"},
		{"daily", kathmandu, 0, 3, "4/1 5/2"},
		{"weekly", kathmandu, 35, 7, "4/1 5/2"},
		{"monthly", kathmandu, 70, 0, ""},
	} {
		t.Run(f.granularity+" "+f.zone, func(t *testing.T) {
			first, last := k.at(-f.daysBefore, "0h"), k.at(2, "0h")
			parts, busy := k.cut(t, k.adasCalls(), first, last, f.granularity, f.zone)
			if f.periods > 0 {
				require.Len(t, parts["time_series"], f.periods)
				require.Equal(t, f.busy, busy)
			}
			parts["subject"] = map[string]any{"user_id": k.ada.UserID, "environment": "live"}
			got := k.c.get("/analytics/usage?granularity="+f.granularity+"&timezone="+f.zone+
				"&start_date="+first.Format(time.DateOnly)+"&end_date="+last.Format(time.DateOnly), k.ada.Key)
			k.expect(t, "GET /analytics/usage", got, adasUsage, parts)
		})
	}
}

// Without dates it is the last 30 days; the last of them ends now.
func (k *known) usageByDefault(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Kathmandu"} {
		got, from, to := k.recently(t, "/analytics/usage", k.ada.Key, zone)
		series, _ := timeSeries(k.adasCalls(), from, to, "daily")
		require.Len(t, series, 30)
		k.expect(t, "GET /analytics/usage", got, adasUsage, map[string]any{
			"subject":     map[string]any{"user_id": k.ada.UserID, "environment": "live"},
			"period":      recentPeriod(from, to, zone),
			"time_series": series,
		})
	}
}

// A window of times is widened to quarters of an hour, and everything in the answer is of what lies in it.
func (k *known) usageOfQuarterHours(t *testing.T) {
	got := k.c.get(fillIn(t, k.names, "/analytics/usage?granularity=hourly&start_date=${day0}T10:07:00Z&end_date=${day0}T10:20:00Z"), k.ada.Key)
	k.expect(t, "GET /analytics/usage", got, `{
		"subject": {"user_id": "$ada", "environment": "live"},
		"period": {"start_date": "${day0}T10:00:00Z", "end_date": "${day0}T10:30:00Z", "granularity": "hourly", "timezone": "UTC"},
		"overview": {"total_requests": 3, "error_count": 1, "error_rate": 33.33, "unique_agents": 2, "agents_created": 0, "services_created": 0},
		"payments": {
			"count": 2, "volume": 19.75, "fees_collected": 0.40, "currency": "EUR",
			"by_currency": [{"currency": "EUR", "count": 2, "volume": 19.75, "fees_collected": 0.40}],
			"claimed": []
		},
		"time_series": [
			{"period": "${day0}T10:00:00Z", "start": "${day0}T10:00:00Z", "end": "${day0}T10:30:00Z", "requests": 3, "errors": 1, "error_rate": 33.33}
		],
		"top_endpoints": [
			{"method": "POST", "endpoint": "/payments", "count": 3, "error_count": 1, "error_rate": 33.33,
			 "avg_response_time_ms": 80.000, "p50_ms": 80, "p95_ms": 120, "p99_ms": 120}
		],
		"sdk_versions": [{"name": "disco-sdk-go", "version": "1.0.0", "language": "go", "count": 3, "error_count": 1, "error_rate": 33.33, "share": 100.00}],
		"countries": [{"country": "US", "count": 3, "error_count": 1, "error_rate": 33.33}],
		"operations": [{"operation": "payments.create", "count": 3, "error_count": 1, "error_rate": 33.33}],
		"services": [{"service_id": "s1", "count": 2, "error_count": 0, "error_rate": 0.00, "payments": 2}],
		"features": []
	}`, nil)
}

// Both ends of this window cut a day: agents a2, before it, and a4 and a5, after it, are not in it.
func (k *known) usageOverMidnight(t *testing.T) {
	got := k.c.get(fillIn(t, k.names, "/analytics/usage?start_date=${day0}T23:30:00Z&end_date=${day1}T08:01:00Z"), k.ada.Key)
	k.expect(t, "GET /analytics/usage", got, `{
		"subject": {"user_id": "$ada", "environment": "live"},
		"period": {"start_date": "${day0}T23:30:00Z", "end_date": "${day1}T08:15:00Z", "granularity": "daily", "timezone": "UTC"},
		"overview": {"total_requests": 3, "error_count": 1, "error_rate": 33.33, "unique_agents": 2, "agents_created": 1, "services_created": 0},
		"payments": {
			"count": 1, "volume": 100.00, "fees_collected": 1.00, "currency": "USD",
			"by_currency": [{"currency": "USD", "count": 1, "volume": 100.00, "fees_collected": 1.00}],
			"claimed": []
		},
		"time_series": [
			{"period": "$day0", "start": "${day0}T23:30:00Z", "end": "${day1}T00:00:00Z", "requests": 1, "errors": 1, "error_rate": 100.00},
			{"period": "$day1", "start": "${day1}T00:00:00Z", "end": "${day1}T08:15:00Z", "requests": 2, "errors": 0, "error_rate": 0.00}
		],
		"top_endpoints": [
			{"method": "GET", "endpoint": "/payments/{id}", "count": 1, "error_count": 1, "error_rate": 100.00, "avg_response_time_ms": 300.000, "p50_ms": 300, "p95_ms": 300, "p99_ms": 300},
			{"method": "POST", "endpoint": "/agents", "count": 1, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 60.000, "p50_ms": 60, "p95_ms": 60, "p99_ms": 60},
			{"method": "POST", "endpoint": "/payments", "count": 1, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 100.000, "p50_ms": 100, "p95_ms": 100, "p99_ms": 100}
		],
		"sdk_versions": [{"name": "disco-sdk-go", "version": "1.1.0", "language": "go", "count": 3, "error_count": 1, "error_rate": 33.33, "share": 100.00}],
		"countries": [{"country": "GB", "count": 3, "error_count": 1, "error_rate": 33.33}],
		"operations": [
			{"operation": "agents.create", "count": 1, "error_count": 0, "error_rate": 0.00},
			{"operation": "payments.create", "count": 1, "error_count": 0, "error_rate": 0.00}
		],
		"services": [],
		"features": []
	}`, nil)
}

// Nothing of Ada's shows in anybody else's answer, nor the other environment in her own.
func (k *known) usageOfOthers(t *testing.T) {
	ask := func(key, text string, calls ...call) {
		t.Helper()
		parts, _ := k.cut(t, calls, k.at(0, "0h"), k.at(2, "0h"), "daily", "UTC")
		k.expect(t, "GET /analytics/usage", k.c.get("/analytics/usage?"+k.days(), key), text, parts)
	}
	ask(k.grace.Key, `{
		"subject": {"user_id": "$grace", "environment": "live"},
		"overview": {"total_requests": 3, "error_count": 0, "error_rate": 0.00, "unique_agents": 0, "agents_created": 0, "services_created": 1},
		"payments": {
			"count": 1, "volume": 50.5, "fees_collected": 0.505, "currency": "USD",
			"by_currency": [{"currency": "USD", "count": 1, "volume": 50.5, "fees_collected": 0.505}],
			"claimed": []
		},
		"top_endpoints": [
			{"method": "GET", "endpoint": "/services", "count": 2, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 10.000, "p50_ms": 10, "p95_ms": 10, "p99_ms": 10},
			{"method": "POST", "endpoint": "/services", "count": 1, "error_count": 0, "error_rate": 0.00, "avg_response_time_ms": 30.000, "p50_ms": 30, "p95_ms": 30, "p99_ms": 30}
		],
		"sdk_versions": [{"name": "disco-sdk-go", "version": "1.0.0", "language": "go", "count": 3, "error_count": 0, "error_rate": 0.00, "share": 100.00}],
		"countries": [{"country": "US", "count": 3, "error_count": 0, "error_rate": 0.00}],
		"operations": [{"operation": "services.create", "count": 1, "error_count": 0, "error_rate": 0.00}],
		"services": [{"service_id": "s9", "count": 1, "error_count": 0, "error_rate": 0.00, "payments": 0}],
		"features": [{"event": "disco.payment.completed", "count": 1}]
	}`, call{k.at(0, "12h"), false}, call{k.at(0, "12h30m"), false}, call{k.at(2, "12h"), false})
	ask(k.adaSandbox.Key, `{
		"subject": {"user_id": "$ada", "environment": "sandbox"},
		"overview": {"total_requests": 1, "error_count": 1, "error_rate": 100.00, "unique_agents": 0, "agents_created": 0, "services_created": 0},
		"payments": `+noPayments+`,
		"top_endpoints": [
			{"method": "GET", "endpoint": "/payments/{id}", "count": 1, "error_count": 1, "error_rate": 100.00, "avg_response_time_ms": 20.000, "p50_ms": 20, "p95_ms": 20, "p99_ms": 20}
		],
		"sdk_versions": [{"name": "disco-sdk-go", "version": "1.1.0", "language": "go", "count": 1, "error_count": 1, "error_rate": 100.00, "share": 100.00}],
		"countries": [{"country": "GB", "count": 1, "error_count": 1, "error_rate": 100.00}],
		"operations": [], "services": [], "features": []
	}`, call{k.at(2, "7h"), true})
}

// An admin names whose usage it wants, or sees everybody's but the platform's own.
func (k *known) usageForAdmins(t *testing.T) {
	ask := func(who, subject, text string, calls []call) {
		t.Helper()
		parts, _ := k.cut(t, calls, k.at(0, "0h"), k.at(2, "0h"), "daily", "UTC")
		parts["subject"] = expected(t, k.names, subject)
		k.expect(t, "GET /analytics/usage", k.c.get("/analytics/usage?"+k.days()+who, k.admin), text, parts)
	}
	ask("&user_id="+k.ada.UserID, `{"user_id": "$ada", "environment": "live"}`, adasUsage, k.adasCalls())
	ask("&organization_id="+k.ada.OrganizationID, `{"organization_id": "$ada_org", "environment": "live"}`, adasUsage, k.adasCalls())
	ask("&key_id="+k.adaSecond.KeyID, `{"key_id": "$ada_second_key", "environment": "live"}`, adasSecondUsage, []call{{k.at(0, "11h"), false}})

	everybody := append(k.adasCalls(), call{k.at(0, "12h"), false}, call{k.at(0, "12h30m"), false}, call{k.at(2, "12h"), false}, call{k.at(1, "15h"), false})
	ask("", `{"environment": "live"}`, everybodysUsage, everybody)
}

// Two calls, 40 days apart: they fall into two months, whatever today is, and neither is in any other answer here. What the
// platform did not say of them is empty and not left out.
func (k *known) usageOfLongAgo(t *testing.T) {
	first, last := k.daysAgo(80), k.daysAgo(40)
	parts, busy := k.cut(t, []call{{first, true}, {last, false}}, first, last, "monthly", "UTC")
	require.Equal(t, "1/1 1/0", busy)
	got := k.c.get("/analytics/usage?granularity=monthly&start_date="+first.Format(time.DateOnly)+"&end_date="+last.Format(time.DateOnly), k.alan.Key)
	k.expect(t, "GET /analytics/usage", got, `{
		"subject": {"user_id": "$alan", "environment": "live"},
		"overview": {"total_requests": 2, "error_count": 1, "error_rate": 50.00, "unique_agents": 0, "agents_created": 0, "services_created": 0},
		"payments": `+noPayments+`,
		"top_endpoints": [
			{"method": "GET", "endpoint": "/services", "count": 2, "error_count": 1, "error_rate": 50.00, "avg_response_time_ms": 5.000, "p50_ms": 5, "p95_ms": 5, "p99_ms": 5}
		],
		"sdk_versions": [{"name": "", "version": "", "language": "", "count": 2, "error_count": 1, "error_rate": 50.00, "share": 100.00}],
		"countries": [{"country": "", "count": 2, "error_count": 1, "error_rate": 50.00}],
		"operations": [], "services": [], "features": []
	}`, parts)
}
