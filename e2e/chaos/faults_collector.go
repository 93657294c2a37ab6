//go:build linux

package chaos

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"
)

// collectorFaults are what happens to collectors.
func (w *world) collectorFaults() []fault {
	return []fault{
		{5, w.killAtWork},
		{2, w.crashLoop},
		{1, w.killInStart},
		{4, w.terminateAtWork},
		{1, w.suspendAtWork},
		{1, w.killAll},
	}
}

func (w *world) anyCollector(rng *rand.Rand) *Collector {
	return w.collectors[rng.IntN(len(w.collectors))]
}

// atWork is a collector in the middle of requests, if Postgres allows any.
func (w *world) atWork(ctx context.Context, rng *rand.Rand) *Collector {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c := w.anyCollector(rng)
	if c.WaitReady(ctx) == nil {
		pause(ctx, between(rng, 0, 500*time.Millisecond))
	}
	return c
}

func (w *world) killAtWork(ctx context.Context, rng *rand.Rand) error {
	<-w.atWork(ctx, rng).Signal(syscall.SIGKILL)
	w.done.add(killCollector, 1)
	return nil
}

// crashLoop kills a collector again and again before it has got anywhere.
func (w *world) crashLoop(ctx context.Context, rng *rand.Rand) error {
	c := w.anyCollector(rng)
	for range 1 + rng.IntN(4) {
		next := c.NextStart()
		c.Signal(syscall.SIGKILL)
		<-next
		pause(ctx, between(rng, 0, 50*time.Millisecond))
		<-c.Signal(syscall.SIGKILL)
		w.done.add(killCollectorEarly, 1)
	}
	return nil
}

// killInStart kills a collector, and once more in the middle of its start.
func (w *world) killInStart(ctx context.Context, rng *rand.Rand) error {
	c := w.anyCollector(rng)
	next := c.NextStart()
	c.Signal(syscall.SIGKILL)
	<-next
	pause(ctx, between(rng, 50*time.Millisecond, 1500*time.Millisecond))
	<-c.Signal(syscall.SIGKILL)
	w.done.add(killCollector, 2)
	return nil
}

func (w *world) terminateAtWork(ctx context.Context, rng *rand.Rand) error {
	took := w.atWork(ctx, rng).Terminate()
	w.done.add("SIGTERM of a collector", 1)
	w.slowest("SIGTERM", took)
	return nil
}

func (w *world) suspendAtWork(ctx context.Context, rng *rand.Rand) error {
	c := w.atWork(ctx, rng)
	c.Signal(syscall.SIGSTOP)
	pause(ctx, between(rng, 100*time.Millisecond, 3*time.Second))
	c.Signal(syscall.SIGCONT)
	w.done.add("stopped and continued collector", 1)
	return nil
}

// killAll kills all at once, as when the machine's memory is gone.
func (w *world) killAll(context.Context, *rand.Rand) error {
	for _, c := range w.collectors {
		c.Signal(syscall.SIGKILL)
	}
	w.done.add(killCollector, len(w.collectors))
	return nil
}
