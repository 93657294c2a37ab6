package allowance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

func TestNoLimitsNoWork(t *testing.T) { // alone, to count what is allocated
	g := New(nil)
	defer g.Close(t.Context())
	id := &apikey.Identity{Allowance: apikey.Allowance{ID: 1}}
	require.Equal(t, Decision{}, take(t, g, id, MaxTake))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = g.Take(context.Background(), id, 1) }))
}

func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	g := New(nil)
	defer g.Close(t.Context())
	for _, n := range []int64{-1, 0, MaxTake + 1} {
		_, err := g.Take(t.Context(), perHour(10), n)
		require.EqualError(t, err, fmt.Sprintf("calls must be from 1 to 10000, not %d", n))
	}
}

func TestDecisionTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 10)
	w.used = func(time.Time) int64 { return 90 }
	id := &apikey.Identity{Allowance: apikey.Allowance{ID: 1, PerHour: 10, PerMonth: 95}}
	hourEnds, monthEnds := time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

	require.Equal(t, Decision{Hour: &Meter{10, 7, hourEnds}, Month: &Meter{95, 2, monthEnds}}, take(t, w.guards[0], id, 3))
	require.Equal(t, Decision{Refused: "over_quota", Hour: &Meter{10, 7, hourEnds}, Month: &Meter{95, 2, monthEnds}}, take(t, w.guards[0], id, 3))
	require.Equal(t, Decision{Hour: &Meter{10, 5, hourEnds}, Month: &Meter{95, 0, monthEnds}}, take(t, w.guards[0], id, 2))

	id = &apikey.Identity{Allowance: apikey.Allowance{ID: 1, PerHour: 10, PerMonth: 1000}}
	require.Equal(t, Decision{Refused: "rate_limited", Hour: &Meter{10, 5, hourEnds}, Month: &Meter{1000, 905, monthEnds}}, take(t, w.guards[0], id, 6))
	require.Equal(t, Decision{Hour: &Meter{10, 0, hourEnds}, Month: &Meter{1000, 900, monthEnds}}, take(t, w.guards[0], id, 5), "a refusal used nothing up")
}

func TestQuotaRefusesBeforeTheHourIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 10)
	w.used = func(time.Time) int64 { return 100 }
	d := take(t, w.guards[0], &apikey.Identity{Allowance: apikey.Allowance{ID: 1, PerHour: 10, PerMonth: 100}}, 1)
	require.Equal(t, apikey.RefusedOverQuota, d.Refused)
	require.Nil(t, d.Hour)
	require.Zero(t, w.leases)
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 1280) // a first piece of 11
	g, id := w.guards[0], perHour(1280)
	take(t, g, id, 1)
	w.away = true
	for range 10 {
		require.Empty(t, take(t, g, id, 1).Refused, "what is in hand may be used")
	}
	_, err := g.Take(t.Context(), id, 1)
	require.ErrorIs(t, err, apikey.ErrUnavailable)
	w.away = false
	_, err = g.Take(t.Context(), id, 1)
	require.ErrorIs(t, err, apikey.ErrUnavailable, "a store that failed is left alone for a while")
	w.pass(retryAfter)
	require.Empty(t, take(t, g, id, 1).Refused)

	w.away = true
	w.pass(time.Hour)
	_, err = g.Take(t.Context(), id, 1)
	require.ErrorIs(t, err, apikey.ErrUnavailable, "what is left in hand is void after its hour")
}

func TestStoreAwayAndAQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 0)
	g, id := w.guards[0], perMonth(10)
	w.away = true
	_, err := g.Take(t.Context(), id, 1)
	require.ErrorIs(t, err, apikey.ErrUnavailable, "nothing is known")
	w.away = false
	w.pass(retryAfter)
	take(t, g, id, 8)
	w.away = true
	w.pass(2 * time.Second)
	require.Empty(t, take(t, g, id, 1).Refused, "a count of some seconds ago will do")
	w.pass(3*time.Second - 1)
	require.Equal(t, apikey.RefusedOverQuota, take(t, g, id, 2).Refused)
	require.Empty(t, take(t, g, id, 1).Refused)
	w.pass(1)
	_, err = g.Take(t.Context(), id, 1)
	require.ErrorIs(t, err, apikey.ErrUnavailable, "one of five seconds ago will not")
}

// A caller that gives up does not take the answer from the others.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 10)
	w.mu.Lock() // nothing is answered
	ctx, cancel := context.WithCancel(t.Context())
	g := w.guards[0]
	g.now = func() time.Duration { return time.Hour }
	errs := make(chan error)
	go func() { _, err := g.Take(ctx, perHour(10), 1); errs <- err }()
	go func() { _, err := g.Take(t.Context(), perHour(10), 1); errs <- err }()
	cancel()
	require.ErrorIs(t, <-errs, apikey.ErrUnavailable)
	w.mu.Unlock()
	require.NoError(t, <-errs)
}

func TestUnusedPiecesGoBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 12_800) // a piece of 101
	g, id := w.guards[0], perHour(12_800)
	take(t, g, id, 1)
	w.pass(idleAfter - 1)
	g.giveBack(t.Context(), idleAfter)
	require.EqualValues(t, 101, w.taken[evening])
	w.pass(1)
	g.giveBack(t.Context(), idleAfter)
	require.EqualValues(t, 1, w.taken[evening])
	take(t, g, id, 1)
	require.EqualValues(t, 1+100, w.taken[evening])
	g.Close(t.Context())
	require.EqualValues(t, 2, w.taken[evening], "what is granted stays taken, the rest goes back")
	_, err := g.Take(t.Context(), id, 1)
	require.ErrorIs(t, err, apikey.ErrUnavailable)
}

// Run gives back at its turns, by the clock of the machine.
func TestRunGivesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 12_800)
	g := w.guards[0]
	take(t, g, perHour(12_800), 1)
	w.pass(idleAfter)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { g.Run(ctx); close(ended) }()
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.taken[evening] == 1
	}, 10*time.Second, 10*time.Millisecond)
	cancel()
	<-ended
}

func TestForgottenAccountGivesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 12_800)
	g := w.guards[0]
	take(t, g, perHour(12_800), 1)
	g.known.InvalidateAll()
	take(t, g, perHour(12_800), 1)
	g.Close(t.Context())
	require.EqualValues(t, 2, w.taken[evening])
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	g := newGuard(nil, 10)
	defer g.Close(t.Context())
	for i := range int32(1000) {
		g.account(i)
	}
	g.known.CleanUp()
	require.LessOrEqual(t, g.known.EstimatedSize(), 10)
}
