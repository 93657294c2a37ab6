//go:build linux

package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tally counts what was done to the system, by name.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(what string, n int) {
	if n == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[what] += n
}

// Names of what counts as a kill.
const (
	killCollector      = "kill -9 of a collector"
	killCollectorEarly = "kill -9 of a collector within 50 ms of its start"
	killPostgres       = "kill -9 of Postgres"
	killBackend        = "kill -9 of a backend"
	stopImmediately    = "immediate stop of Postgres"
)

func (t *tally) kills() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[killCollector] + t.counts[killCollectorEarly] + t.counts[killPostgres] + t.counts[killBackend] + t.counts[stopImmediately]
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(t.counts)) {
		parts = append(parts, fmt.Sprintf("%s: %d", what, t.counts[what]))
	}
	return strings.Join(parts, ", ")
}

// fault is one thing that goes wrong, and is mended before it returns.
type fault struct {
	weight int
	strike func(context.Context, *rand.Rand) error
}

// torment lets one fault after the other strike until ctx ends: each once, then by weight. Between two of them it waits
// until senders have got somewhere, for a while: kills of what does nothing show nothing.
func (w *world) torment(ctx context.Context, rng *rand.Rand, rest time.Duration, faults []fault) error {
	var weighted []fault
	for _, f := range faults {
		weighted = append(weighted, slices.Repeat([]fault{f}, f.weight)...)
	}
	first := rng.Perm(len(faults))
	for n := 0; pause(ctx, between(rng, rest/4, rest)); n++ {
		f := weighted[rng.IntN(len(weighted))]
		if n < len(first) {
			f = faults[first[n]]
		}
		w.progress(ctx)
		// What has begun is mended also when the time is up.
		if err := f.strike(context.WithoutCancel(ctx), rng); err != nil {
			return err
		}
	}
	return nil
}

// progress returns when some requests have been acknowledged, or after two seconds.
func (w *world) progress(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for enough := w.load.taken.Load() + 5; w.load.taken.Load() < enough && pause(ctx, 10*time.Millisecond); {
	}
}

// databaseFaults are what happens to Postgres and to the way there.
func (w *world) databaseFaults() []fault {
	restart := func(what string, signal syscall.Signal, longest time.Duration) func(context.Context, *rand.Rand) error {
		return func(ctx context.Context, rng *rand.Rand) error {
			w.done.add(what, 1)
			return w.postgres.Restart(ctx, signal, between(rng, 0, longest))
		}
	}
	return []fault{
		{3, restart(killPostgres, syscall.SIGKILL, time.Second)},
		{2, restart(stopImmediately, syscall.SIGQUIT, time.Second)},
		{1, restart("Postgres away for a while", syscall.SIGINT, w.outage)},
		{4, func(ctx context.Context, rng *rand.Rand) error {
			n, _ := w.postgres.TerminateBackends(ctx, rng) // it may be restarting from what struck before
			w.done.add("terminated backend", n)
			return nil
		}},
		{2, func(ctx context.Context, rng *rand.Rand) error {
			n, _ := w.postgres.KillBackend(ctx, rng)
			w.done.add(killBackend, n)
			return nil
		}},
		{6, func(_ context.Context, rng *rand.Rand) error {
			w.wire.ResetCommits(1 + rng.IntN(9))
			return nil
		}},
		{2, func(ctx context.Context, rng *rand.Rand) error {
			w.done.add("all connections reset", 1)
			return w.wire.Cut(ctx, between(rng, 0, time.Second))
		}},
		{1, func(ctx context.Context, rng *rand.Rand) error {
			w.done.add("network without an answer", 1)
			return w.wire.Swallow(ctx, between(rng, time.Second, w.outage))
		}},
	}
}
