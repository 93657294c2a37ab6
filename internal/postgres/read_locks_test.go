package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// Two locks keep tenants apart: the statements name the keys, and row-level security lets no other through. Each is
// tried with the other one open.
func TestEachLockIsEnoughAlone(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	_, adas := x.register("ada@example.com", "live")
	_, bobs := x.register("bob@example.com", "live")
	for _, key := range []int32{adas, bobs, 0} {
		x.insert(row{key: key, at: x.now, vantage: server, count: 1, payments: 1, agents: 1})
		x.insert(row{key: key, at: x.now, vantage: server, dimension: 1, value: "GET /a", count: 1, latency: map[int]int{0: 1}})
		x.insert(row{key: key, at: x.now, vantage: server, dimension: 7, value: "EUR", count: 1, volume: "1", fees: "0"})
		x.insert(row{key: key, at: x.now, vantage: client, dimension: 8, value: "EUR", count: 1, volume: "1", fees: "0"})
		x.agents(key, x.now, server, int64(key))
	}
	all := []int32{adas, bobs, 0}
	q := analytics.UsageQuestion{By: access.Operator, Window: x.window("", "", "", ""), Top: 10}
	for name, try := range map[string]struct {
		scope postgres.Scope
		keys  []int32
		want  int64
	}{
		"statements alone":         {postgres.Scope{All: true}, []int32{adas}, 1},
		"row-level security alone": {postgres.Scope{Keys: []int32{adas}}, all, 1},
		"both open":                {postgres.Scope{All: true}, all, 3}, // so the other two show something
		"no key":                   {postgres.Scope{}, all, 0},
	} {
		u, err := postgres.NewReader(x.db, server).UsageWithin(t.Context(), try.scope, try.keys, q)
		require.NoError(t, err)
		require.Equal(t, []int64{try.want, try.want, try.want}, []int64{u.Requests, u.UniqueAgents, u.AgentsCreated}, name)
		if try.want == 0 {
			require.Empty(t, u.Payments, name)
			continue
		}
		require.Equal(t, try.want, u.Payments[0].Payments, name)
		require.Equal(t, try.want, u.Claimed[0].Payments, name)
		require.Equal(t, try.want, u.Endpoints[0].Requests, name)
	}
}
