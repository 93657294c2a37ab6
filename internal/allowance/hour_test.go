package allowance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

var limits = []int64{1, 2, 3, 10, 99, 127, 128, 129, 150, 255, 256, 257, 1000, 9999, 100_000}

func TestOneNodeGrantsTheLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range limits {
		w := newWorld(t, 1, limit)
		for range limit {
			require.Empty(t, take(t, w.guards[0], perHour(limit), 1).Refused)
		}
		require.Equal(t, apikey.RefusedRateLimited, take(t, w.guards[0], perHour(limit), 1).Refused)
		require.Less(t, w.leases, 1000)
	}
}

func TestConcurrentCallersGetTheLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range limits {
		w := newWorld(t, 1, limit)
		var granted atomic.Int64
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for {
					d, err := w.guards[0].Take(context.Background(), perHour(limit), 1)
					if err != nil {
						t.Error(err)
						return
					}
					if d.Refused != "" {
						return
					}
					granted.Add(1)
				}
			})
		}
		group.Wait()
		require.Equal(t, limit, granted.Load())
	}
}

// Several calls at once get all or nothing, and who asks for fewer may still get them.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 1000)
	g, id := w.guards[0], perHour(1000)
	require.Empty(t, take(t, g, id, 990).Refused)
	require.Equal(t, apikey.RefusedRateLimited, take(t, g, id, 11).Refused)
	require.Empty(t, take(t, g, id, 10).Refused)
	require.Equal(t, apikey.RefusedRateLimited, take(t, g, id, 1).Refused)
}

// A refused call must not make a collector hold what others could use.
func TestRefusedCallsHoldLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 1000)
	for range 100 {
		require.Equal(t, apikey.RefusedRateLimited, take(t, w.guards[0], perHour(1000), 1001).Refused)
	}
	require.LessOrEqual(t, w.taken[evening], int64(8))
	require.Equal(t, 1, w.leases, "nor ask the store each time")
}

// Whatever the loads are, three collectors grant 98 % while each still wants more.
func TestThreeNodesGrantNearlyAll(t *testing.T) {
	t.Parallel()
	loads := map[string]func(r *rand.Rand, i int) (node, calls int){
		"even":   func(_ *rand.Rand, i int) (node, calls int) { return i % 3, 1 },
		"uneven": func(r *rand.Rand, _ int) (int, int) { return unevenly(r), 1 },
		"bursty": func(r *rand.Rand, _ int) (int, int) { return r.IntN(3), 1 << r.IntN(12) },
	}
	for name, load := range loads {
		for seed, limit := range limits {
			if limit > 10_000 && name != "uneven" { // one of those takes long enough
				continue
			}
			r := rand.New(rand.NewPCG(1, uint64(seed)))
			w := newWorld(t, 3, limit)
			var granted int64
			refused := 0
			for i := 0; refused < 30; i++ { // all have been refused by then
				node, calls := load(r, i)
				for range calls {
					if take(t, w.guards[node], perHour(limit), 1).Refused == "" {
						granted++
					} else {
						refused++
						break
					}
				}
			}
			require.LessOrEqual(t, granted, limit, "%s, %d", name, limit)
			require.GreaterOrEqual(t, float64(granted), 0.98*float64(limit), "%s, %d", name, limit)
		}
	}
}

// unevenly picks the first of 90, the second of 9 and the third of 1 in 100.
func unevenly(r *rand.Rand) int {
	switch p := r.IntN(100); {
	case p < 90:
		return 0
	case p < 99:
		return 1
	}
	return 2
}

// What two idle collectors held comes to the third, which then has granted all.
func TestIdlePiecesComeToOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, 10_000)
	id := perHour(10_000)
	granted := int64(2)
	take(t, w.guards[1], id, 1)
	take(t, w.guards[2], id, 1)
	for take(t, w.guards[0], id, 1).Refused == "" {
		granted++
	}
	require.Less(t, granted, int64(10_000))
	w.pass(idleAfter)
	for _, g := range w.guards {
		g.giveBack(t.Context(), idleAfter)
	}
	for take(t, w.guards[0], id, 1).Refused == "" {
		granted++
	}
	require.EqualValues(t, 10_000, granted)
}

func TestHourTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 100)
	id := perHour(100)
	w.pass(59*time.Minute + 59*time.Second)
	for _, g := range w.guards {
		require.Empty(t, take(t, g, id, 40).Refused)
	}
	require.Equal(t, apikey.RefusedRateLimited, take(t, w.guards[0], id, 40).Refused)
	w.pass(time.Second)
	for _, g := range w.guards {
		require.Empty(t, take(t, g, id, 50).Refused)
	}
	require.Equal(t, apikey.RefusedRateLimited, take(t, w.guards[0], id, 1).Refused)
	require.EqualValues(t, 100, w.taken[evening.Add(time.Hour)])
}

// A piece whose answer took until the next hour is not granted in that hour.
func TestHourTurnsDuringAQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 1)
	w.pass(59*time.Minute + 50*time.Second)
	w.delay = 5 * time.Second // leased five seconds before the hour ends, answered when it has ended
	require.Empty(t, take(t, w.guards[0], perHour(1), 1).Refused)
	require.Equal(t, map[time.Time]int64{evening: 1, evening.Add(time.Hour): 1}, w.taken)
	w.delay = 0
	w.pass(exhaustedFor)
	require.Equal(t, apikey.RefusedRateLimited, take(t, w.guards[0], perHour(1), 1).Refused)
}

// A changed limit holds as soon as a key comes with it, and, for what is leased, even before.
func TestLimitChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 10_000)
	a, b := w.guards[0], w.guards[1]
	for range 50 {
		take(t, a, perHour(10_000), 1)
		take(t, b, perHour(10_000), 1)
	}
	w.limit = 90
	require.Equal(t, apikey.RefusedRateLimited, take(t, a, perHour(90), 1).Refused)
	require.Equal(t, apikey.RefusedRateLimited, take(t, b, perHour(90), 1).Refused)
	w.limit = 110
	for range 10 {
		require.Empty(t, take(t, a, perHour(110), 1).Refused)
	}
	require.Equal(t, apikey.RefusedRateLimited, take(t, a, perHour(110), 1).Refused)
	require.Equal(t, apikey.RefusedRateLimited, take(t, b, perHour(110), 1).Refused)

	w.limit = 0 // lifted, which the key does not show yet
	w.pass(exhaustedFor)
	unlimited := &liftedStore{w}
	a.store = unlimited
	require.Equal(t, Decision{}, take(t, a, perHour(110), 1000))
	a.store, w.limit = w, 111
	w.pass(liftedFor)
	require.Empty(t, take(t, a, perHour(110), 1).Refused)
	require.Equal(t, apikey.RefusedRateLimited, take(t, a, perHour(110), 1).Refused)
}

type liftedStore struct{ *world }

func (liftedStore) Lease(context.Context, int32, int64) (Lease, error) { return Lease{}, nil }

// Whatever happens, collectors together never grant more than the limit in an hour of the store's clock.
func TestNeverMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.Int64Range(1, 3000).Draw(rt, "limit")
		w := newWorld(t, rapid.IntRange(1, 5).Draw(rt, "nodes"), limit)
		granted := map[time.Time]int64{}
		node := func() int { return rapid.IntRange(0, len(w.guards)-1).Draw(rt, "node") }
		takes := func(rt *rapid.T) {
			g, n := w.guards[node()], rapid.Int64Range(1, 20).Draw(rt, "n")
			for range rapid.IntRange(1, 200).Draw(rt, "calls") {
				d, err := g.Take(context.Background(), perHour(w.limit), n)
				if err != nil || d.Refused != "" {
					return
				}
				granted[w.hour()] += n
				if granted[w.hour()] > w.limit {
					rt.Fatalf("%d granted at %s, the limit is %d", granted[w.hour()], w.time, w.limit)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"take": takes,
			"more": takes,
			"pass": func(rt *rapid.T) { w.pass(time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(rt, "pass"))) },
			"before the hour ends": func(rt *rapid.T) {
				left := w.hour().Add(time.Hour).Sub(w.time)
				w.pass(max(0, left-time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(rt, "before"))))
			},
			"slow":      func(rt *rapid.T) { w.delay = time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(rt, "delay")) },
			"away":      func(*rapid.T) { w.away = !w.away },
			"lost":      func(*rapid.T) { w.lost = !w.lost },
			"give back": func(*rapid.T) { w.guards[node()].giveBack(context.Background(), 0) },
			"forget":    func(*rapid.T) { w.guards[node()].known.InvalidateAll() },
			"stop": func(*rapid.T) {
				i := node()
				w.guards[i].Close(context.Background())
				w.guards[i] = w.newGuard(t)
			},
			"kill":  func(*rapid.T) { w.guards[node()] = w.newGuard(t) },
			"limit": func(rt *rapid.T) { w.limit = rapid.Int64Range(1, 3000).Draw(rt, "new limit") },
		})
	})
}

func BenchmarkTake(b *testing.B) {
	for name, id := range map[string]*apikey.Identity{
		"none": {}, "hour": perHour(1 << 50),
		"both": {Allowance: apikey.Allowance{ID: 1, PerHour: 1 << 50, PerMonth: 1 << 50}},
	} {
		b.Run(fmt.Sprintf("limits=%s", name), func(b *testing.B) {
			w := newWorld(b, 1, 1<<50)
			g := New(w)
			defer g.Close(context.Background())
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := g.Take(context.Background(), id, 1); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
