//go:build linux

package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/disco-platform/mirrorball/internal/history"
)

// world is a database, the way to it, collectors and senders.
type world struct {
	root   string // of the repository
	folder string
	rng    *rand.Rand
	outage time.Duration // the longest that Postgres is away
	say    func(format string, args ...any)

	postgres   *Postgres
	wire       *Wire
	collectors []*Collector
	people     population
	history    *history.History
	written    *bufio.Writer
	load       *load
	phases     int
	done       tally

	mu   sync.Mutex
	slow map[string]time.Duration
	ends []func()
}

// readyTimeout is for a first start, which makes the schema, on a busy machine.
const readyTimeout = 90 * time.Second

// build sets a world up: Postgres in a folder of its own, collectors, customers. The caller has to call end, also after
// an error.
func (w *world) build(ctx context.Context, postgres string, collectors, customers int) error {
	file, err := os.Create(filepath.Join(w.folder, "history.jsonl"))
	if err != nil {
		return err
	}
	w.atEnd(func() { _ = file.Close() })
	w.written = bufio.NewWriterSize(file, 1<<20)
	w.history = history.New(w.written)
	if w.postgres, err = StartPostgres(ctx, postgres); err != nil {
		return err
	}
	w.atEnd(w.postgres.Stop)
	if w.wire, err = NewWire(fmt.Sprintf("127.0.0.1:%d", w.postgres.port)); err != nil {
		return err
	}
	w.atEnd(w.wire.Close)
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for i := range collectors {
		if err := w.addCollector(fmt.Sprintf("collector-%d", i+1)); err != nil {
			return err
		}
	}
	if err := w.killAtBirth(ctx); err != nil {
		return err
	}
	return w.populate(ctx, customers)
}

// pepper is the same for all collectors of a database.
const pepper = "chaos-chaos-chaos-chaos-chaos-32"

func (w *world) addCollector(name string) error {
	dsn, err := w.postgres.through(w.wire.Address())
	if err != nil {
		return err
	}
	c, err := StartCollector(name, w.root, w.folder, dsn, pepper)
	if err != nil {
		return err
	}
	w.collectors = append(w.collectors, c)
	w.atEnd(c.Stop)
	return nil
}

// killAtBirth kills collectors while they make the schema and the first keys of an empty database, all at the same time,
// and waits until each is ready.
func (w *world) killAtBirth(ctx context.Context) error {
	for range 2 * len(w.collectors) {
		pause(ctx, between(w.rng, 0, 500*time.Millisecond))
		<-w.collectors[w.rng.IntN(len(w.collectors))].Signal(syscall.SIGKILL)
		w.done.add(killCollector, 1)
	}
	for _, c := range w.collectors {
		if err := c.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// platformKey is in the data folder of whichever collector made it.
func (w *world) platformKey() (string, error) {
	var errs error
	for _, c := range w.collectors {
		key, err := c.PlatformKey()
		if err == nil {
			return key, nil
		}
		errs = errors.Join(errs, err)
	}
	return "", errs
}

// populate finds the platform's key and registers customers.
func (w *world) populate(ctx context.Context, customers int) error {
	key, err := w.platformKey()
	if err != nil {
		return err
	}
	if w.people.platform, err = w.known(ctx, key); err != nil {
		return err
	}
	for i := range customers {
		key, err := w.collectors[0].Register(ctx, fmt.Sprintf("chaos-%d@example.com", i))
		if err != nil {
			return err
		}
		c, err := w.known(ctx, key)
		if err != nil {
			return err
		}
		w.people.customers = append(w.people.customers, c)
	}
	if w.load, err = newLoad(w.history, w.collectors); err != nil {
		return err
	}
	w.atEnd(w.load.close)
	return nil
}

// known finds the id of a key.
func (w *world) known(ctx context.Context, key string) (customer, error) {
	id, err := database{w.postgres.DSN()}.keyID(ctx, key)
	if err != nil {
		return customer{}, fmt.Errorf("cannot find a key in the database: %w", err)
	}
	return customer{key, id}, nil
}

func (w *world) atEnd(f func()) { w.ends = append(w.ends, f) }

// end stops everything, last things first.
func (w *world) end() {
	for _, f := range slices.Backward(w.ends) {
		f()
	}
	w.ends = nil
}

// drainTimeout is how long senders may take to be served once all is well again.
const drainTimeout = 90 * time.Second

// underLoad runs during while senders work, and returns when each has had an answer to everything.
func (w *world) underLoad(ctx context.Context, senders int, during func(context.Context) error) error {
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	w.phases++
	var wg sync.WaitGroup
	for i := range senders {
		rng := split(w.rng)
		f := &factory{population: w.people, rng: rng, prefix: fmt.Sprintf("%d-%d-%x", w.phases, i, rng.Uint32())}
		wg.Go(func() { w.load.send(sending, stop, f) })
	}
	err := during(ctx)
	close(stop)
	served := make(chan struct{})
	go func() { wg.Wait(); close(served) }()
	began := time.Now()
	select {
	case <-served:
		w.slowest("serving what was left over", time.Since(began))
	case <-time.After(drainTimeout):
		cancel() // the senders then complain
		<-served
	}
	return err
}

func (w *world) slowest(what string, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slow == nil {
		w.slow = map[string]time.Duration{}
	}
	w.slow[what] = max(w.slow[what], d)
}

// compare holds the history against the database.
func (w *world) compare(calm bool) (history.Report, error) {
	return history.Check(w.history, database{w.postgres.DSN()}, history.Options{BucketWidth: 15 * time.Minute, Other: "other", Calm: calm})
}

// check requires that the database holds what was sent, that nothing happened that must not, and that mirrorctl finds
// statistics equal to its own recount.
func (w *world) check(ctx context.Context, calm bool) (history.Report, error) {
	report, err := w.compare(calm)
	if err != nil {
		return report, err
	}
	err = w.written.Flush()
	if !report.OK() {
		err = errors.Join(err, fmt.Errorf("the database does not hold what was acknowledged: %s", report))
	}
	for _, c := range w.collectors {
		for _, fault := range c.Faults() {
			err = errors.Join(err, fmt.Errorf("%s; end of its log:\n%s", fault, c.LogEnd(5)))
		}
	}
	for _, complaint := range w.load.complaints {
		err = errors.Join(err, errors.New(complaint))
	}
	return report, errors.Join(err, w.reconcile(ctx))
}

// reconcile is the operator's way to the same answer.
func (w *world) reconcile(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(w.root, "bin/mirrorctl"), "reconcile")
	cmd.Env = append(os.Environ(), "DATABASE_URL="+w.postgres.DSN(), "MIRRORBALL_PEPPER="+pepper)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("mirrorctl reconcile: %w: %s", err, out)
	}
	w.say("mirrorctl reconcile: %s", strings.TrimSpace(string(out)))
	return nil
}
