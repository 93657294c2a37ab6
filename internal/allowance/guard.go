package allowance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// MaxTake bounds the calls that are asked for at once.
const MaxTake = 10_000

const (
	// maxAccounts bounds the allowances in memory, about 30 MB. The least used go first: the next call asks the store.
	maxAccounts = 100_000
	// askTimeout bounds one question to the store.
	askTimeout = 2 * time.Second
	// retryAfter is how long the store is left alone after it failed to answer. Callers are then answered at once,
	// instead of each waiting for a time-out.
	retryAfter = 500 * time.Millisecond
	// returnTurn is how often Run looks for pieces that are not used.
	returnTurn = time.Second
)

// Decision says whether calls are granted, and what is left of the limits that there are.
type Decision struct {
	// Refused is "" when the calls are granted, apikey.RefusedRateLimited or apikey.RefusedOverQuota.
	Refused string
	// Hour and Month are nil when there is no such limit. Hour is nil, too, when the quota has refused the calls and the
	// hour's limit was not looked at.
	Hour, Month *Meter
}

// Meter is the state of a limit after a decision.
type Meter struct {
	Limit int64
	// Remaining is what may still be used until ResetsAt, as far as this collector knows; never negative.
	Remaining int64
	ResetsAt  time.Time // UTC
}

// Guard grants calls within the allowances of their keys. It may be used from many goroutines.
type Guard struct {
	store Store
	now   func() time.Duration // of a clock that only moves ahead
	known *otter.Cache[int32, *account]

	// failedAt is when the store failed to answer; 0 means that it answers.
	failedAt atomic.Int64

	hands   hands
	running sync.WaitGroup // questions under way
	mu      sync.Mutex     // orders running.Add before running.Wait
	closed  context.Context
	close   context.CancelFunc
}

// New makes a guard. Run and Close belong to it.
func New(store Store) *Guard { return newGuard(store, maxAccounts) }

func newGuard(store Store, size int) *Guard {
	started := time.Now()
	g := &Guard{
		store: store,
		now:   func() time.Duration { return time.Since(started) + 1 }, // never 0
		known: otter.Must(&otter.Options[int32, *account]{MaximumSize: size, Executor: func(fn func()) { fn() }}),
	}
	g.closed, g.close = context.WithCancel(context.Background())
	return g
}

// Take grants n calls with a key, 1 to MaxTake, or none of them. A refusal is no error and uses nothing up. While
// it cannot be known what is left, the error is apikey.ErrUnavailable.
func (g *Guard) Take(ctx context.Context, id *apikey.Identity, n int64) (Decision, error) {
	limits := id.Allowance
	if n < 1 || n > MaxTake {
		return Decision{}, fmt.Errorf("calls must be from 1 to %d, not %d", MaxTake, n)
	}
	if limits.PerHour == 0 && limits.PerMonth == 0 {
		return Decision{}, nil
	}
	a := g.account(limits.ID)
	call := call{limits: limits, n: n, began: g.now()}
	for {
		a.mu.Lock()
		decision, missing := a.decide(&call, g.now())
		if missing == nothing {
			a.mu.Unlock()
			return decision, nil
		}
		q := g.join(a, missing, &call)
		a.mu.Unlock()
		if err := q.wait(ctx); err != nil {
			if missing != usage || call.stale || ctx.Err() != nil {
				return Decision{}, apikey.ErrUnavailable
			}
			call.stale = true // a count of some seconds ago will do
		}
	}
}

func (g *Guard) account(id int32) *account {
	if a, ok := g.known.GetIfPresent(id); ok {
		return a
	}
	a, _ := g.known.SetIfAbsent(id, &account{id: id})
	return a
}

// Run gives back what is held but not used, until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	turn := time.NewTicker(returnTurn)
	defer turn.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
			g.giveBack(ctx, idleAfter)
		}
	}
}

// Close ends the questions that are under way, gives back everything that is held and asks nothing any more. It may be called
// again.
func (g *Guard) Close(ctx context.Context) {
	g.mu.Lock()
	g.close()
	g.mu.Unlock()
	g.running.Wait()
	g.giveBack(ctx, 0)
}

// giveBack returns the pieces that nobody has used for some time. What cannot be returned is lost, until the hour ends.
func (g *Guard) giveBack(ctx context.Context, idle time.Duration) {
	pieces := g.hands.takeUnused(g.now(), idle)
	if len(pieces) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_ = g.store.Return(ctx, pieces)
}
