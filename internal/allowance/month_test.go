package allowance

import (
	"context"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// telemetry commits each call some time after it was granted.
type telemetry struct {
	w       *world
	delay   time.Duration
	granted []time.Time
}

func (l *telemetry) call() { l.granted = append(l.granted, l.w.time) }

// within counts what was granted in the time before now.
func (l *telemetry) within(d time.Duration) int64 { return l.between(l.w.time.Add(-d), l.w.time) }

func (l *telemetry) used(month time.Time) int64 {
	return l.between(month.Add(-1), l.w.time.Add(-l.delay))
}

// between counts what was granted after one time and until another.
func (l *telemetry) between(after, until time.Time) int64 {
	place := func(at time.Time) int {
		return sort.Search(len(l.granted), func(i int) bool { return l.granted[i].After(at) })
	}
	return int64(max(0, place(until)-place(after)))
}

// One collector goes over the quota by no more than the calls that are not committed yet.
func TestQuotaOvershootsByCallsInFlight(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, 100 * time.Millisecond, 2 * time.Second, 20 * time.Second} {
		w := newWorld(t, 1, 0)
		l := &telemetry{w: w, delay: delay}
		w.used = l.used
		const quota, pause = 5000, 3 * time.Millisecond
		var inFlight, refused int64
		for refused < 10_000 { // for half a minute
			if take(t, w.guards[0], perMonth(quota), 1).Refused == "" {
				l.call()
				inFlight = max(inFlight, l.within(delay))
			} else {
				refused++
			}
			w.pass(pause)
		}
		require.GreaterOrEqual(t, len(l.granted), quota)
		require.LessOrEqual(t, int64(len(l.granted)), quota+inFlight, delay)
		require.EqualValues(t, (delay+pause-1)/pause, inFlight, "in flight, worked out from the pace")
	}
}

// Several collectors also do not see what others granted in the last second: near the end, a count is no older.
func TestQuotaOfSeveralNodes(t *testing.T) {
	t.Parallel()
	const delay = 2 * time.Second
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(2, seed))
		w := newWorld(t, 3, 0)
		l := &telemetry{w: w, delay: delay}
		w.used = l.used
		const quota = 6000
		var unseen int64
		for range 20_000 {
			if take(t, w.guards[unevenly(r)], perMonth(quota), 1).Refused == "" {
				l.call()
				unseen = max(unseen, l.within(delay+countNearFor))
			}
			w.pass(4 * time.Millisecond)
		}
		require.GreaterOrEqual(t, len(l.granted), quota)
		require.LessOrEqual(t, int64(len(l.granted)), quota+unseen)
	}
}

// Far from the end what is used is asked for every ten seconds, near it every second, and ten times a second once it is used up.
func TestQuotaIsAskedForAsOftenAsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 0)
	l := &telemetry{w: w}
	w.used = l.used
	questions := func(quota int64) int {
		before := w.counts
		for range 1000 {
			if take(t, w.guards[0], perMonth(quota), 1).Refused == "" {
				l.call()
			}
			w.pass(10 * time.Millisecond)
		}
		return w.counts - before
	}
	require.LessOrEqual(t, questions(1_000_000), 2)
	near := questions(2200)
	require.Greater(t, near, 5)
	require.LessOrEqual(t, near, 10)
	spent := questions(2000)
	require.GreaterOrEqual(t, spent, 90)
	require.LessOrEqual(t, spent, 100)
}

// What others used up is seen before a call is refused, and what an admin changed as soon as the key comes with it.
func TestQuotaIsAskedForBeforeRefusing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 0)
	g, used := w.guards[0], int64(0)
	w.used = func(time.Time) int64 { return used }
	require.Empty(t, take(t, g, perMonth(10), 10).Refused)
	require.Equal(t, apikey.RefusedOverQuota, take(t, g, perMonth(10), 1).Refused)
	w.pass(countSpentFor)
	used = 9 // one of the ten was not made
	require.Empty(t, take(t, g, perMonth(10), 1).Refused)
	used = 10
	w.pass(countSpentFor)
	require.Equal(t, apikey.RefusedOverQuota, take(t, g, perMonth(10), 1).Refused)
	require.Empty(t, take(t, g, perMonth(11), 1).Refused, "raised")
	d := take(t, g, perMonth(5), 1)
	require.Equal(t, apikey.RefusedOverQuota, d.Refused, "lowered below what is used")
	require.Zero(t, d.Month.Remaining)
}

func TestMonthTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 0)
	l := &telemetry{w: w}
	w.used = l.used
	november, december := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	w.pass(2*time.Hour - time.Millisecond)
	for range 3 {
		require.Empty(t, take(t, w.guards[0], perMonth(3), 1).Refused)
		l.call()
	}
	d := take(t, w.guards[0], perMonth(3), 1)
	require.Equal(t, Decision{Refused: apikey.RefusedOverQuota, Month: &Meter{Limit: 3, ResetsAt: november}}, d)
	w.pass(time.Millisecond)
	require.Equal(t, Decision{Month: &Meter{Limit: 3, Remaining: 2, ResetsAt: december}}, take(t, w.guards[0], perMonth(3), 1))
}

// While a count is under way, calls that were granted before it are not counted twice, and those after it not forgotten.
func TestGrantsDuringACount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 0)
	g := w.guards[0]
	a := g.account(1)
	take(t, g, perMonth(100), 10)
	w.pass(countFor)
	ask := g.askUsage(a)
	a.month.take(5)
	w.used = func(time.Time) int64 { return 10 }
	require.NoError(t, ask(t.Context()))
	require.EqualValues(t, 85, a.month.remaining(100))
	ask = g.askUsage(a)
	a.month.take(5)
	w.away = true
	require.Error(t, ask(t.Context()))
	require.EqualValues(t, 80, a.month.remaining(100))
}

// In any interleaving, a quota is exceeded by no more than what the collector could not have seen: calls that were not committed
// when it last asked, and those of others since.
func TestQuotaHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		quota := rapid.Int64Range(1, 500).Draw(rt, "quota")
		w := newWorld(t, rapid.IntRange(1, 5).Draw(rt, "nodes"), 0)
		var granted, committed int64
		own := make([]int64, len(w.guards))  // granted by each, since it asked
		seen := make([]int64, len(w.guards)) // committed, when it asked
		asking := 0
		w.used = func(month time.Time) int64 {
			if !month.Equal(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)) {
				return 0
			}
			own[asking], seen[asking] = 0, committed
			return committed
		}
		rt.Repeat(map[string]func(*rapid.T){
			"take": func(rt *rapid.T) {
				asking = rapid.IntRange(0, len(w.guards)-1).Draw(rt, "node")
				n := rapid.Int64Range(1, 20).Draw(rt, "n")
				for range rapid.IntRange(1, 50).Draw(rt, "calls") {
					d, err := w.guards[asking].Take(context.Background(), perMonth(quota), n)
					if err != nil || d.Refused != "" {
						return
					}
					granted, own[asking] = granted+n, own[asking]+n
					if seen[asking]+own[asking] > quota {
						rt.Fatalf("%d of %d used when it asked, %d granted since", seen[asking], quota, own[asking])
					}
				}
			},
			"commit": func(rt *rapid.T) { committed += rapid.Int64Range(0, granted-committed).Draw(rt, "commit") },
			"pass": func(rt *rapid.T) {
				w.pass(time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(rt, "pass")))
			},
			"away": func(*rapid.T) { w.away = !w.away },
		})
	})
}
