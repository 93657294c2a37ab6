// Package tally counts what the instrumentation threw away, by signal and reason.
package tally

import (
	"cmp"
	"slices"
	"sync"
)

// Drop says how many items of a signal were thrown away for a reason.
type Drop struct {
	Signal string // "traces", "logs" or "metrics"
	Reason string
	Count  int64
}

type key struct{ signal, reason string }

// Counter is ready to use and safe for concurrent use. Callers pass signals and reasons from fixed sets, so
// it stays small.
type Counter struct {
	mu     sync.Mutex
	counts map[key]int64
}

// Add counts n more items; n below one changes nothing.
func (c *Counter) Add(signal, reason string, n int64) {
	if n < 1 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[key]int64)
	}
	c.counts[key{signal, reason}] += n
}

// Drops lists the counts, ordered by signal and reason.
func (c *Counter) Drops() []Drop {
	c.mu.Lock()
	defer c.mu.Unlock()
	drops := make([]Drop, 0, len(c.counts))
	for k, n := range c.counts {
		drops = append(drops, Drop{Signal: k.signal, Reason: k.reason, Count: n})
	}
	slices.SortFunc(drops, func(a, b Drop) int {
		return cmp.Or(cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Reason, b.Reason))
	})
	return drops
}
