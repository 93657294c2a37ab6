package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/tally"
)

// batcher holds items in a bounded queue and exports them in batches, one at a time.
//
// OpenTelemetry's batch processors do not say how much they drop, report failed exports to the host's standard error
// through a global handler, spin while a flush waits, and leave their goroutine behind when a shutdown runs out of
// time. Each breaks a promise to the host, so this one takes their place.
type batcher[T any] struct {
	signal string
	config queueConfig
	export func(context.Context, []T) error
	drops  *tally.Counter

	mu      sync.Mutex
	waiting []T
	held    int // waiting or being exported
	stopped bool

	full    chan struct{}      // a batch is full; holds one
	flushes chan chan error    // asks to export all that waits
	stop    chan struct{}      // closed by shutdown
	done    chan struct{}      // closed when the goroutine has ended
	ctx     context.Context    // of exports
	cancel  context.CancelFunc // aborts the export under way
	batch   []T                // of the goroutine, used again
}

func newBatcher[T any](signal string, c queueConfig, export func(context.Context, []T) error, drops *tally.Counter) *batcher[T] {
	c.batch = min(c.batch, c.limit)
	b := &batcher[T]{
		signal: signal, config: c, export: export, drops: drops,
		full:    make(chan struct{}, 1),
		flushes: make(chan chan error),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

// add never waits.
func (b *batcher[T]) add(item T) {
	b.mu.Lock()
	reason := ""
	switch {
	case b.stopped:
		reason = reasonShutdown
	case b.held >= b.config.limit:
		reason = reasonQueueFull
	default:
		b.waiting = append(b.waiting, item)
		b.held++
	}
	ready := len(b.waiting) >= b.config.batch
	b.mu.Unlock()
	if reason != "" {
		b.drops.Add(b.signal, reason, 1)
		return
	}
	if ready {
		select {
		case b.full <- struct{}{}:
		default:
		}
	}
}

func (b *batcher[T]) run() {
	defer close(b.done)
	ticker := time.NewTicker(b.config.interval)
	defer ticker.Stop()
	for {
		select {
		case <-b.full:
			_ = b.exportWaiting(b.config.batch)
		case <-ticker.C:
			_ = b.exportWaiting(1)
		case answer := <-b.flushes:
			answer <- b.exportWaiting(1)
		case <-b.stop:
			_ = b.exportWaiting(1)
			return
		}
	}
}

// exportWaiting exports batch after batch as long as at least atLeast items wait. It returns the last error.
func (b *batcher[T]) exportWaiting(atLeast int) error {
	var last error
	for b.take(atLeast) {
		if err := b.exportBatch(); err != nil {
			last = err
		}
	}
	return last
}

// take moves up to one batch out of the queue.
func (b *batcher[T]) take(atLeast int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) < atLeast {
		return false
	}
	n := min(len(b.waiting), b.config.batch)
	b.batch = append(b.batch[:0], b.waiting[:n]...)
	left := copy(b.waiting, b.waiting[n:])
	clear(b.waiting[left:])
	b.waiting = b.waiting[:left]
	return true
}

func (b *batcher[T]) exportBatch() error {
	n := len(b.batch)
	outcome := &attempts{}
	err := b.guardedExport(withAttempts(b.ctx, outcome))
	clear(b.batch)
	b.mu.Lock()
	b.held -= n
	b.mu.Unlock()
	switch {
	case outcome.rejected > 0: // the rest of the batch was taken
		b.drops.Add(b.signal, reasonPartial, min(outcome.rejected, int64(n)))
	case err != nil:
		b.drops.Add(b.signal, outcome.reason(), int64(n))
	}
	return err
}

// guardedExport keeps a bug in an exporter from ending the host's process.
func (b *batcher[T]) guardedExport(ctx context.Context) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return b.export(ctx, b.batch)
}

// flush exports what waits now. Items that arrive in the meantime may go along.
func (b *batcher[T]) flush(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case b.flushes <- answer:
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shutdown exports what waits, for as long as ctx lasts. The rest is dropped.
func (b *batcher[T]) shutdown(ctx context.Context) error {
	b.mu.Lock()
	first := !b.stopped
	b.stopped = true
	b.mu.Unlock()
	if first {
		close(b.stop)
	}
	defer b.cancel()
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		b.cancel()
		<-b.done // exports end at once when their context does
		return ctx.Err()
	}
}
