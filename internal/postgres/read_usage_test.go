package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/usage"
)

const (
	none   = usage.VantageNone
	server = usage.VantageServer
	client = usage.VantageClient
)

func TestUsageCountsEveryDimension(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	ada, key := x.register("ada@example.com", "live")
	_, other := x.register("bob@example.com", "live")

	yesterday := x.now.AddDate(0, 0, -1)
	for _, r := range []row{
		// today: 7 requests, 2 failed; yesterday 3, 1 failed
		{key: key, at: x.now, vantage: server, count: 7, errors: 2, micros: 700, payments: 2, agents: 1},
		{key: key, at: yesterday, vantage: server, count: 3, errors: 1, micros: 300, services: 4},
		// seen by the SDK: not counted
		{key: key, at: x.now, vantage: client, count: 100, errors: 50, micros: 1, payments: 9, agents: 9, services: 9},
		// custom events: payments, agents and services count, requests do not
		{key: key, at: x.now, vantage: none, payments: 5, agents: 2, services: 1},
		// somebody else's
		{key: other, at: x.now, vantage: server, count: 1000, errors: 1000, micros: 1},

		{key: key, at: x.now, vantage: server, dimension: 1, value: "GET /a", count: 2, errors: 1, micros: 1001, latency: map[int]int{100: 1, 200: 1}},
		{key: key, at: yesterday, vantage: server, dimension: 1, value: "GET /a", count: 2, micros: 2002, latency: map[int]int{100: 2}},
		{key: key, at: x.now, vantage: server, dimension: 1, value: "POST /a", count: 5, errors: 1, micros: 5000, latency: map[int]int{50: 5}},
		{key: key, at: x.now, vantage: server, dimension: 1, value: "GET /b", count: 1, micros: 7, latency: map[int]int{10: 1}},
		{key: key, at: x.now, vantage: server, dimension: 1, value: "GET /c", count: 1, micros: 7, latency: map[int]int{10: 1}},
		{key: key, at: x.now, vantage: client, dimension: 1, value: "GET /client", count: 99, micros: 7, latency: map[int]int{10: 99}},

		{key: key, at: x.now, vantage: server, dimension: 2, value: "disco-sdk-go\t1.2.0\tgo", count: 10, errors: 3},
		{key: key, at: x.now, vantage: server, dimension: 3, value: "DE", count: 6, errors: 2},
		{key: key, at: x.now, vantage: server, dimension: 3, value: "IN", count: 4, errors: 1},
		{key: key, at: x.now, vantage: server, dimension: 4, value: "payments.create", count: 4, errors: 1},
		{key: key, at: x.now, vantage: none, dimension: 5, value: "agent_collaboration_started", count: 8},
		{key: key, at: x.now, vantage: server, dimension: 6, value: "svc_1", count: 4, errors: 1, payments: 2},
		{key: key, at: x.now, vantage: none, dimension: 6, value: "svc_1", payments: 5},

		{key: key, at: x.now, vantage: server, dimension: 7, value: "EUR", count: 2, volume: "10.50", fees: "0.1"},
		{key: key, at: x.now, vantage: none, dimension: 7, value: "EUR", count: 1, volume: "0.000000000000000001", fees: "0"},
		{key: key, at: yesterday, vantage: none, dimension: 7, value: "USD", count: 4, volume: "999999999999999.99", fees: "1.00"},
		{key: key, at: x.now, vantage: client, dimension: 7, value: "JPY", count: 50, volume: "1", fees: "1"},
		{key: key, at: x.now, vantage: client, dimension: 8, value: "EUR", count: 3, volume: "3.30", fees: "0.00"},
		{key: key, at: x.now, vantage: none, dimension: 8, value: "EUR", count: 1, volume: "1.10", fees: "0.00"},
	} {
		x.insert(r)
	}

	u := x.usage(server, analytics.Subject{UserID: ada.ID, Environment: "live"}, x.window("", "", "daily", ""))
	require.Equal(t, analytics.Counts{Requests: 10, Errors: 3}, u.Counts)
	require.EqualValues(t, 3, u.AgentsCreated)
	require.EqualValues(t, 5, u.ServicesCreated)
	require.Len(t, u.Series, 30)
	require.Equal(t, analytics.Counts{Requests: 7, Errors: 2}, u.Series[29])
	require.Equal(t, analytics.Counts{Requests: 3, Errors: 1}, u.Series[28])
	require.Equal(t, make([]analytics.Counts, 28), u.Series[:28])

	require.Equal(t, []analytics.Endpoint{
		{Method: "POST", Route: "/a", Counts: analytics.Counts{Requests: 5, Errors: 1}, Response: analytics.Response{Average: 1000 * time.Microsecond, Latency: usage.Latency{{Bucket: 50, Count: 5}}}},
		// (1001 + 2002) / 4 = 750.75, rounded
		{Method: "GET", Route: "/a", Counts: analytics.Counts{Requests: 4, Errors: 1}, Response: analytics.Response{Average: 751 * time.Microsecond, Latency: usage.Latency{{Bucket: 100, Count: 3}, {Bucket: 200, Count: 1}}}},
		// equal counts go by name, and the list ends after three
		{Method: "GET", Route: "/b", Counts: analytics.Counts{Requests: 1}, Response: analytics.Response{Average: 7 * time.Microsecond, Latency: usage.Latency{{Bucket: 10, Count: 1}}}},
	}, u.Endpoints)
	require.Equal(t, []analytics.SDK{{Name: "disco-sdk-go", Version: "1.2.0", Language: "go", Counts: analytics.Counts{Requests: 10, Errors: 3}}}, u.SDKs)
	require.Equal(t, []analytics.Named{{Name: "DE", Counts: analytics.Counts{Requests: 6, Errors: 2}}, {Name: "IN", Counts: analytics.Counts{Requests: 4, Errors: 1}}}, u.Countries)
	require.Equal(t, []analytics.Named{{Name: "payments.create", Counts: analytics.Counts{Requests: 4, Errors: 1}}}, u.Operations)
	require.Equal(t, []analytics.Feature{{Event: "agent_collaboration_started", Count: 8}}, u.Features)
	require.Equal(t, []analytics.Service{{ID: "svc_1", Counts: analytics.Counts{Requests: 4, Errors: 1}, Payments: 7}}, u.Services)
	require.Equal(t, []analytics.Money{
		{Currency: "USD", Payments: 4, Volume: "999999999999999.99", Fees: "1.00"},
		{Currency: "EUR", Payments: 3, Volume: "10.500000000000000001", Fees: "0.1"},
	}, u.Payments)
	require.Equal(t, []analytics.Money{{Currency: "EUR", Payments: 4, Volume: "4.40", Fees: "0.00"}}, u.Claimed)

	// Counted from the client's side, the server's requests and payments are out.
	c := x.usage(client, analytics.Subject{UserID: ada.ID, Environment: "live"}, x.window("", "", "daily", ""))
	require.Equal(t, analytics.Counts{Requests: 100, Errors: 50}, c.Counts)
	require.EqualValues(t, 11, c.AgentsCreated)
	require.Equal(t, "/client", c.Endpoints[0].Route)
	require.Equal(t, "JPY", c.Payments[0].Currency)
}

// 15-minute buckets fall into the periods of a zone half an hour off.
func TestUsageInZones(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	ada, key := x.register("ada@example.com", "sandbox")
	midnight := x.now.Truncate(24 * time.Hour).Add(-24 * time.Hour) // 05:45 in Nepal
	for i := range 96 {
		x.insert(row{key: key, at: midnight.Add(time.Duration(i) * 15 * time.Minute), vantage: server, count: 1})
	}
	subject := analytics.Subject{UserID: ada.ID, Environment: "sandbox"}
	day := midnight.Format(time.DateOnly)

	u := x.usage(server, subject, x.window(day, day, "daily", "Asia/Kathmandu"))
	require.EqualValues(t, 18*4+1, u.Requests) // from 05:45 to midnight: 18¼ hours
	u = x.usage(server, subject, x.window(day, day, "hourly", "Asia/Kathmandu"))
	require.Len(t, u.Series, 24)
	require.EqualValues(t, 1, u.Series[5].Requests) // from 05:45
	require.EqualValues(t, 4, u.Series[6].Requests)

	// A time as end does not belong to the range; bounds that cut a bucket take all of it.
	u = x.usage(server, subject, x.window(day+"T10:07:00Z", day+"T11:15:00Z", "hourly", ""))
	require.Equal(t, []analytics.Counts{{Requests: 4}, {Requests: 1}}, u.Series)
}

func TestUniqueAgentsOfPartsOfDays(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	ada, key := x.register("ada@example.com", "live")
	_, other := x.register("bob@example.com", "live")
	day := x.now.Truncate(24 * time.Hour)
	before := day.AddDate(0, 0, -1)
	slot := func(d time.Time, n int) time.Time { return d.Add(time.Duration(n) * 15 * time.Minute) }
	x.agents(key, slot(before, 0), server, 1)
	x.agents(key, slot(before, 40), server, 1)
	x.agents(key, slot(before, 41), none, 2)
	x.agents(key, slot(day, 3), server, 1)
	x.agents(key, slot(day, 95), server, 3)
	x.agents(key, slot(day, 3), client, 4)   // the other vantage
	x.agents(other, slot(day, 3), server, 5) // another's
	subject := analytics.Subject{UserID: ada.ID, Environment: "live"}
	at := func(d time.Time, n int) string { return slot(d, n).Format(time.RFC3339) }
	for _, c := range []struct {
		name, start, end string
		want             int64
	}{
		{"both days", at(before, 0), at(day, 96), 3},
		{"one slot", at(before, 40), at(before, 41), 1},
		{"slots of one day", at(before, 1), at(before, 40), 0},
		{"end is exclusive", at(before, 1), at(before, 41), 1},
		{"over midnight", at(before, 41), at(day, 4), 2},
		{"last slot", at(day, 95), at(day, 96), 1},
		{"first day cut away", at(before, 42), at(day, 95), 1},
	} {
		u := x.usage(server, subject, x.window(c.start, c.end, "daily", ""))
		require.Equal(t, c.want, u.UniqueAgents, c.name)
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	ada, live := x.register("ada@example.com", "live")
	bob, bobs := x.register("bob@example.com", "live")
	more, err := x.registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{UserID: ada.ID, Environment: "live"})
	require.NoError(t, err)
	sandbox, err := x.registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{UserID: ada.ID, Environment: "sandbox"})
	require.NoError(t, err)
	platform, err := x.registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{Environment: "live", Scopes: []string{"telemetry:write_any"}})
	require.NoError(t, err)
	for key, n := range map[int32]int64{
		live: 1, x.seqOf(more.Key.KeyID): 10, x.seqOf(sandbox.Key.KeyID): 100, bobs: 1000, x.seqOf(platform.Key.KeyID): 10_000, 0: 100_000,
	} {
		x.insert(row{key: key, at: x.now, vantage: server, count: n})
	}
	w := x.window("", "", "", "")
	for _, c := range []struct {
		name    string
		subject analytics.Subject
		want    int64
	}{
		{"user", analytics.Subject{UserID: ada.ID, Environment: "live"}, 11},
		{"user's sandbox", analytics.Subject{UserID: ada.ID, Environment: "sandbox"}, 100},
		{"user without keys there", analytics.Subject{UserID: bob.ID, Environment: "sandbox"}, 0},
		{"key", analytics.Subject{KeyID: more.Key.KeyID, Environment: "live"}, 10},
		{"organisation", analytics.Subject{OrganizationID: bob.OrganizationID, Environment: "live"}, 1000},
		{"everybody", analytics.Subject{Environment: "live"}, 1011},
	} {
		require.Equal(t, c.want, x.usage(server, c.subject, w).Requests, c.name)
	}
	for _, s := range []analytics.Subject{{UserID: "usr_none"}, {KeyID: "key_none"}, {OrganizationID: "org_none"}} {
		_, err := postgres.NewReader(x.db, server).Usage(t.Context(), analytics.UsageQuestion{By: access.Operator, Subject: s, Window: w, Top: 1})
		require.ErrorIs(t, err, analytics.ErrNoSubject)
	}
}
