package allowance

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("connection refused")

// world is a store with a clock that the test moves, and guards whose own clocks show other times.
type world struct {
	mu     sync.Mutex
	time   time.Time
	delay  time.Duration // each way of a question
	away   bool
	lost   bool // questions are answered, but the answer is lost
	limit  int64
	taken  map[time.Time]int64
	used   func(month time.Time) int64
	leases int
	counts int

	guards []*Guard
}

// evening is two hours before a month ends in UTC; east of Greenwich it has ended.
var evening = time.Date(2026, 10, 31, 22, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, nodes int, limit int64) *world {
	w := &world{time: evening, limit: limit, taken: map[time.Time]int64{}, used: func(time.Time) int64 { return 0 }}
	for range nodes {
		w.guards = append(w.guards, w.newGuard(t))
	}
	return w
}

func (w *world) newGuard(t testing.TB) *Guard {
	g := New(w)
	t.Cleanup(func() { g.Close(context.Background()) })
	start := w.time.Add(-time.Duration(1+len(w.guards)) * time.Minute)
	g.now = func() time.Duration {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.time.Sub(start)
	}
	return g
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

// ask takes a moment before and after what it does.
func (w *world) ask(do func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(w.delay)
	defer func() { w.time = w.time.Add(w.delay) }()
	if w.away {
		return errAway
	}
	do()
	if w.lost {
		return errAway
	}
	return nil
}

func (w *world) hour() time.Time {
	t := w.time.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), 0, 0, 0, time.UTC)
}

func (w *world) Lease(_ context.Context, allowance int32, need int64) (l Lease, err error) {
	err = w.ask(func() {
		w.leases++
		hour := w.hour()
		left := max(0, w.limit-w.taken[hour])
		n := left/128 + 1
		if need <= left && n < need {
			n = need
		}
		n = min(n, left)
		w.taken[hour] += n
		l = Lease{Piece: Piece{allowance, hour, n}, Limit: w.limit, Left: left - n, Now: w.time}
	})
	return l, err
}

func (w *world) Return(_ context.Context, pieces []Piece) error {
	return w.ask(func() {
		for _, p := range pieces {
			if p.Hour.Equal(w.hour()) {
				w.taken[p.Hour] -= p.Requests
			}
		}
	})
}

func (w *world) Used(context.Context, int32) (u Usage, err error) {
	err = w.ask(func() {
		w.counts++
		t := w.time.UTC()
		u.Month, u.Now = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC), w.time
		u.Requests = w.used(u.Month)
	})
	return u, err
}

func perHour(n int64) *apikey.Identity {
	return &apikey.Identity{KeyID: "key_1", Allowance: apikey.Allowance{ID: 1, PerHour: n}}
}

func perMonth(n int64) *apikey.Identity {
	return &apikey.Identity{KeyID: "key_1", Allowance: apikey.Allowance{ID: 1, PerMonth: n}}
}

func take(t testing.TB, g *Guard, id *apikey.Identity, n int64) Decision {
	t.Helper()
	d, err := g.Take(context.Background(), id, n)
	require.NoError(t, err)
	return d
}
