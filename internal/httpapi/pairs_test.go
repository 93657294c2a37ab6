package httpapi_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Callers of all tenants ask at the same time over one pool of connections, whose sessions go from one to the other. No answer has
// what belongs to another.
func TestRandomCallersAndQuestions(t *testing.T) {
	t.Parallel()
	pairs := 10_000
	if testing.Short() {
		pairs = 500
	}
	w := newWorld(t)
	callers := []string{"sandbox", "live", "unconfirmed", "other_tenant", "organization_admin", "platform", "analyst", "admin"}
	ids := []string{w.first, w.second, w.third}
	for _, key := range w.keys {
		ids = append(ids, key.Key.KeyID)
	}
	for name := range w.people {
		ids = append(ids, w.id(name))
	}
	paths := []string{
		"/keys", "/users", "/organizations", "/analytics/user-info", "/keys?environment=live&limit=2", "/keys?organization_id=" + w.first, "/users?organization_id=" + w.second,
		"/keys?organization_id=" + w.third, "/users?organization_id=" + w.third,
		"/analytics/usage?start_date=2026-01-01", "/analytics/export?format=csv&table=endpoints", "/analytics/usage?environment=sandbox", "/analytics/platform",
	}
	for _, id := range ids {
		paths = append(paths, map[string][]string{
			"key_": {"/keys/" + id, "/analytics/usage?key_id=" + id}, "usr_": {"/users/" + id, "/analytics/usage?user_id=" + id},
			"org_": {"/organizations/" + id, "/organizations/" + id + "/invitations", "/analytics/usage?organization_id=" + id},
		}[id[:4]]...)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for _, at := range []int{1, 2, 4, 8, 16} { // so many at a time, a fifth of the pairs each
		for worker := range at {
			random := rand.New(rand.NewPCG(uint64(at), uint64(worker)))
			wg.Go(func() {
				for range pairs / 5 / at {
					caller, path := callers[random.IntN(len(callers))], paths[random.IntN(len(paths))]
					a := w.send(caller, sample{"GET", path, ""})
					if found := w.foreign(caller, echo.ReplaceAllString(a.body, "")); found != nil {
						t.Errorf("%s of %s shows %q: %s", path, caller, found, a.body)
					}
					mu.Lock()
					statuses[a.status]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	for status := range statuses {
		require.Contains(t, []int{200, 403, 404}, status)
	}
	require.Greater(t, statuses[200], pairs/4, "%v", statuses)
	require.Greater(t, statuses[404], pairs/10, "%v", statuses)
}
