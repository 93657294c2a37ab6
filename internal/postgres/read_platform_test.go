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

func TestPlatform(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	ada, adas := x.register("ada@example.com", "live")
	bob, bobs := x.register("bob@example.com", "live")
	_, idle := x.register("idle@example.com", "live")
	_, sandbox := x.register("sandbox@example.com", "sandbox")
	second, err := x.registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{UserID: ada.ID, Environment: "live"})
	require.NoError(t, err)
	platform, err := x.registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{Environment: "live", Scopes: []string{"admin"}})
	require.NoError(t, err)
	adas2, platforms := x.seqOf(second.Key.KeyID), x.seqOf(platform.Key.KeyID)

	old := x.now.AddDate(0, 0, -40)
	for _, r := range []row{
		{key: adas, at: x.now, vantage: server, count: 5, errors: 1, micros: 5000, payments: 1},
		{key: adas2, at: x.now, vantage: server, count: 2, micros: 3001},
		{key: bobs, at: x.now, vantage: server, count: 4, errors: 4, micros: 400, payments: 2},
		{key: adas, at: x.now, vantage: none, payments: 1},
		{key: adas, at: x.now, vantage: client, count: 77, errors: 7, micros: 7, payments: 7},
		{key: idle, at: old, vantage: server, count: 900},
		{key: sandbox, at: x.now, vantage: server, count: 800},
		{key: platforms, at: x.now, vantage: server, count: 700},
		{key: 0, at: x.now, vantage: server, count: 6, errors: 5},
		{key: 0, at: x.now, vantage: client, count: 60, errors: 50},

		{key: adas, at: x.now, vantage: server, dimension: 1, value: "GET /a", count: 7, latency: map[int]int{100: 3, 101: 4}},
		{key: bobs, at: x.now, vantage: server, dimension: 1, value: "GET /b", count: 4, latency: map[int]int{101: 4}},
		{key: sandbox, at: x.now, vantage: server, dimension: 1, value: "GET /b", count: 4, latency: map[int]int{5: 4}},
		{key: adas, at: x.now, vantage: server, dimension: 2, value: "disco-sdk-go\t1.0.0\tgo", count: 7},
		{key: bobs, at: x.now, vantage: server, dimension: 2, value: "disco-sdk-go\t1.1.0\tgo", count: 3, errors: 3},
		{key: adas2, at: x.now, vantage: server, dimension: 2, value: "disco-sdk-go\t1.1.0\tgo", count: 1},
		{key: bobs, at: x.now, vantage: server, dimension: 3, value: "IN", count: 4, errors: 4},
		{key: bobs, at: x.now, vantage: server, dimension: 7, value: "USD", count: 2, volume: "7.00", fees: "0.07"},
		{key: adas, at: x.now, vantage: server, dimension: 7, value: "EUR", count: 1, volume: "1.5", fees: "0"},
		{key: adas, at: x.now, vantage: none, dimension: 7, value: "USD", count: 1, volume: "0.001", fees: "0"},
		{key: bobs, at: x.now, vantage: client, dimension: 8, value: "USD", count: 2, volume: "9", fees: "1"},
	} {
		x.insert(r)
	}
	// Ada came two days ago, and made her second key yesterday.
	x.exec(`UPDATE api_keys SET created_at = $2 WHERE seq = $1`, adas, x.now.AddDate(0, 0, -2))
	x.exec(`UPDATE api_keys SET created_at = $2 WHERE seq = $1`, adas2, x.now.AddDate(0, 0, -1))
	x.exec(`UPDATE api_keys SET created_at = $2 WHERE seq = $1`, idle, old)
	x.exec(`UPDATE api_keys SET created_at = $2 WHERE seq IN ($1, $3, $4)`, bobs, x.now, sandbox, platforms)

	p, err := postgres.NewReader(x.db, server).Platform(t.Context(), analytics.PlatformQuestion{By: access.Operator, Environment: "live", Window: x.window("", "", "daily", ""), ActiveSince: x.now.Add(-30 * 24 * time.Hour), Top: 10})
	require.NoError(t, err)
	require.Equal(t, analytics.Counts{Requests: 11, Errors: 5}, p.Counts)
	require.Equal(t, 764*time.Microsecond, p.Average) // (5000 + 3001 + 400) / 11 = 763.7
	require.Equal(t, usage.Latency{{Bucket: 100, Count: 3}, {Bucket: 101, Count: 8}}, p.Latency)
	require.EqualValues(t, 3, p.RegisteredUsers)
	require.EqualValues(t, 2, p.ActiveUsers)
	require.Equal(t, analytics.Counts{Requests: 6, Errors: 5}, p.Nobody)
	require.Equal(t, []analytics.Money{{Currency: "USD", Payments: 3, Volume: "7.001", Fees: "0.07"}, {Currency: "EUR", Payments: 1, Volume: "1.5", Fees: "0"}}, p.Payments)
	require.Equal(t, []analytics.Money{{Currency: "USD", Payments: 2, Volume: "9", Fees: "1"}}, p.Claimed)
	require.Equal(t, []analytics.SDK{
		{Name: "disco-sdk-go", Version: "1.0.0", Language: "go", Counts: analytics.Counts{Requests: 7}},
		{Name: "disco-sdk-go", Version: "1.1.0", Language: "go", Counts: analytics.Counts{Requests: 4, Errors: 3}},
	}, p.SDKs)
	require.Equal(t, []analytics.Named{{Name: "IN", Counts: analytics.Counts{Requests: 4, Errors: 4}}}, p.Countries)
	require.Equal(t, []analytics.Organization{
		{ID: ada.OrganizationID, Name: "Org of ada@example.com", Counts: analytics.Counts{Requests: 7, Errors: 1}, Payments: 2},
		{ID: bob.OrganizationID, Name: "Org of bob@example.com", Counts: analytics.Counts{Requests: 4, Errors: 4}, Payments: 2},
	}, p.Organizations)
	require.Len(t, p.Growth, 30)
	require.Equal(t, []analytics.Growth{{NewUsers: 1, NewKeys: 1}, {NewKeys: 1}, {NewUsers: 1, NewKeys: 1}}, p.Growth[27:])
	require.Equal(t, make([]analytics.Growth, 27), p.Growth[:27])
}

// An empty platform is an answer too.
func TestPlatformWithoutUsage(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	p, err := postgres.NewReader(x.db, server).Platform(t.Context(), analytics.PlatformQuestion{By: access.Operator, Environment: "sandbox", Window: x.window("", "", "daily", ""), ActiveSince: x.now, Top: 10})
	require.NoError(t, err)
	require.Zero(t, p.Requests)
	require.Empty(t, p.Payments)
}

// What an organisation did before it was merged is the other one's, and nothing that was counted moves.
func TestPlatformAfterMerge(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	ada, adas := x.register("ada@example.com", "live")
	bob, bobs := x.register("bob@example.com", "live")
	eve, _ := x.register("eve@example.com", "live")
	x.insert(row{key: adas, at: x.now, vantage: server, count: 3})
	x.insert(row{key: bobs, at: x.now, vantage: server, count: 4})
	platform := func() []analytics.Organization {
		p, err := postgres.NewReader(x.db, server).Platform(t.Context(), analytics.PlatformQuestion{
			By: access.Operator, Environment: "live", Window: x.window("", "", "", ""), Top: 10,
		})
		require.NoError(t, err)
		return p.Organizations
	}
	require.Len(t, platform(), 2)
	_, err := x.registry.MergeOrganization(t.Context(), access.Operator, ada.OrganizationID, bob.OrganizationID)
	require.NoError(t, err)
	require.Equal(t, []analytics.Organization{{ID: bob.OrganizationID, Name: "Org of bob@example.com", Counts: analytics.Counts{Requests: 7}}}, platform())

	// Merged once more, the first goes along.
	_, err = x.registry.MergeOrganization(t.Context(), access.Operator, bob.OrganizationID, eve.OrganizationID)
	require.NoError(t, err)
	require.Equal(t, []analytics.Organization{{ID: eve.OrganizationID, Name: "Org of eve@example.com", Counts: analytics.Counts{Requests: 7}}}, platform())

	u, err := postgres.NewReader(x.db, server).Usage(t.Context(), analytics.UsageQuestion{
		By: access.Operator, Subject: analytics.Subject{OrganizationID: ada.OrganizationID, Environment: "live"}, Window: x.window("", "", "", ""), Top: 3,
	})
	require.NoError(t, err)
	require.EqualValues(t, 7, u.Requests, "the old id is another name")
}

// Wherever a window begins and ends, organisations have what they did within it: each quarter of an hour adds a power of two.
func TestPlatformOfAnyWindow(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	ada, adas := x.register("ada@example.com", "live")
	midnight := x.now.Add(-60 * time.Hour) // the third before today's noon
	var at []time.Time
	for day := range 3 {
		for _, minutes := range []int{0, 345, 705, 720, 735, 1425} {
			at = append(at, midnight.Add(time.Duration(1440*day+minutes)*time.Minute))
		}
	}
	for i, bucket := range at {
		x.insert(row{key: adas, at: bucket, vantage: server, count: 1 << i, errors: 1 << i, payments: 1 << i})
		x.insert(row{key: adas, at: bucket, vantage: none, count: 7, payments: 1 << i})
	}
	for i, start := range at {
		for j := i + 1; j < len(at); j++ {
			w := x.window(start.Format(time.RFC3339), at[j].Format(time.RFC3339), "monthly", "UTC")
			p, err := postgres.NewReader(x.db, server).Platform(t.Context(), analytics.PlatformQuestion{By: access.Operator, Environment: "live", Window: w, Top: 10})
			require.NoError(t, err)
			n := int64(1<<j - 1<<i)
			require.Equal(t, []analytics.Organization{
				{ID: ada.OrganizationID, Name: "Org of ada@example.com", Counts: analytics.Counts{Requests: n, Errors: n}, Payments: 2 * n},
			}, p.Organizations, "%s to %s", start, at[j])
			require.Equal(t, n, p.Requests)
		}
	}
	day := x.window(midnight.AddDate(0, 0, -3).Format(time.DateOnly), midnight.Add(-time.Hour).Format(time.RFC3339), "", "UTC") // before all that there is
	p, err := postgres.NewReader(x.db, server).Platform(t.Context(), analytics.PlatformQuestion{By: access.Operator, Environment: "live", Window: day, Top: 10})
	require.NoError(t, err)
	require.Empty(t, p.Organizations)
}
