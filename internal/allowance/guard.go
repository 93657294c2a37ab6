package allowance

import (
	"context"
	"time"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// MaxTake bounds the calls that are asked for at once.
const MaxTake = 10_000

// Decision says whether calls are granted, and what is left of the limits that there are.
type Decision struct {
	// Refused is "" when the calls are granted, apikey.RefusedRateLimited or apikey.RefusedOverQuota.
	Refused string
	// Hour and Month are nil when there is no such limit.
	Hour, Month *Meter
}

// Meter is the state of a limit after a decision.
type Meter struct {
	Limit int64
	// Remaining is what may still be used until ResetsAt, as far as this collector knows, never negative.
	Remaining int64
	ResetsAt  time.Time // UTC
}

// Guard grants calls within the allowances of their keys. It may be used from many goroutines.
type Guard struct{ store Store }

// New makes a guard. Run and Close belong to it.
func New(store Store) *Guard { return &Guard{store: store} }

// Take grants n calls with a key, 1 to MaxTake, or none of them. A refusal is no error and uses nothing up. While
// it cannot be known what is left, the error is apikey.ErrUnavailable.
func (g *Guard) Take(_ context.Context, _ *apikey.Identity, _ int64) (Decision, error) {
	return Decision{}, nil
}

// Run gives back what is held but not used, until ctx ends.
func (g *Guard) Run(ctx context.Context) { <-ctx.Done() }

// Close gives back everything that is held. Nothing with a limit is granted any more.
func (g *Guard) Close(context.Context) {}
