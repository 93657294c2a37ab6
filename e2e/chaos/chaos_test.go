//go:build linux

package chaos

import (
	"context"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/disco-platform/mirrorball/internal/history"
)

// Variables that choose the length of a run and repeat its decisions.
const (
	variableSeconds = "CHAOS_SECONDS" // of faults; without it the short form for daily work
	variableSeed    = "CHAOS_SEED"
)

// form is how long a run takes and how much it does.
type form struct {
	calm, faults time.Duration
	rest, outage time.Duration // at most between two faults; for which Postgres is away
	collectors   int
	fullDisks    int
}

func chosenForm(t *testing.T) form {
	text := os.Getenv(variableSeconds)
	if text == "" {
		return form{calm: 3 * time.Second, faults: 30 * time.Second, rest: time.Second, outage: 4 * time.Second, collectors: 3, fullDisks: 1}
	}
	seconds, err := strconv.Atoi(text)
	require.NoError(t, err, variableSeconds)
	return form{calm: 10 * time.Second, faults: time.Duration(seconds) * time.Second, rest: time.Second, outage: 30 * time.Second, collectors: 4, fullDisks: 3}
}

// Whatever is killed, cut off or repeated: what was acknowledged is there, once, and statistics equal a recount.
func TestKillsAndOutages(t *testing.T) {
	f := chosenForm(t)
	w, ctx := newWorld(t, f)
	require.NoError(t, w.build(ctx, filepath.Join(w.folder, "postgres"), f.collectors, 5))

	calm := func(ctx context.Context) error { pause(ctx, f.calm); return nil }
	require.NoError(t, w.underLoad(ctx, 2, calm))
	report, err := w.check(ctx, true)
	require.NoError(t, err, "without any fault")
	t.Logf("without any fault: %s", report)

	require.NoError(t, w.underLoad(ctx, 12, func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		ctx, cancel := context.WithTimeout(ctx, f.faults)
		defer cancel()
		w.wire.ResetCommits(9)
		collectors, database := split(w.rng), split(w.rng)
		group.Go(func() error { return w.torment(ctx, collectors, f.rest, w.collectorFaults()) })
		group.Go(func() error { return w.torment(ctx, database, f.rest, w.databaseFaults()) })
		return group.Wait()
	}))
	w.conclude(t, ctx)
}

// A disk without any space left costs time and no event.
func TestFullDisk(t *testing.T) {
	f := chosenForm(t)
	w, ctx := newWorld(t, f)
	folder := filepath.Join(w.folder, "disk")
	require.NoError(t, os.Mkdir(folder, 0o755))
	d, err := newDisk(folder, 400)
	if err == errMayNotMount {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v", err)
	}
	require.NoError(t, err)
	w.atEnd(d.remove)
	require.NoError(t, w.build(ctx, filepath.Join(folder, "postgres"), 2, 3))

	require.NoError(t, w.underLoad(ctx, 4, func(ctx context.Context) error {
		for range f.fullDisks {
			w.sees(t, ctx, &w.load.taken, 20)
			if err := d.fill(0); err != nil {
				return err
			}
			w.done.add("full disk", 1)
			w.sees(t, ctx, &w.load.retries, 10)
			pause(ctx, between(w.rng, time.Second, 4*time.Second))
			if err := d.free(); err != nil {
				return err
			}
			began := time.Now()
			if err := w.postgres.Ensure(ctx); err != nil {
				return err
			}
			w.sees(t, ctx, &w.load.taken, 1)
			w.slowest("recovery from a full disk", time.Since(began))
		}
		return nil
	}))
	w.conclude(t, ctx)
}

// newWorld makes a world that ends with the test, however that ends.
func newWorld(t *testing.T, f form) (*world, context.Context) {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for _, program := range []string{"bin/mirrorball", "bin/mirrorctl"} {
		if _, err := os.Stat(filepath.Join(root, program)); err != nil {
			t.Fatalf("%s is missing: run `make build` first", program)
		}
	}
	seed := rand.Uint64N(1 << 32)
	if text := os.Getenv(variableSeed); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, variableSeed)
	}
	t.Logf("%s=%d", variableSeed, seed)

	// Not t.TempDir: Postgres runs as another user when the tests run as root, and needs to reach it.
	folder, err := os.MkdirTemp("", "mirrorball-chaos-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o755))
	w := &world{root: root, folder: folder, rng: rand.New(rand.NewPCG(seed, 0)), outage: f.outage, say: t.Logf}
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM)
	t.Cleanup(func() {
		w.end()
		stop()
		if t.Failed() {
			t.Logf("history and logs are kept in %s", folder)
			return
		}
		_ = os.RemoveAll(folder)
	})
	return w, ctx
}

// conclude brings the world to rest and requires that it kept its promises.
func (w *world) conclude(t *testing.T, ctx context.Context) {
	t.Helper()
	require.NoError(t, ctx.Err(), "interrupted")
	w.wire.Heal()
	ready, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, c := range w.collectors {
		require.NoError(t, c.WaitReady(ready))
	}
	for _, c := range w.collectors {
		c.Stop()
	}
	w.done.add("COMMIT that met a reset", w.wire.Hits())
	report, err := w.check(ctx, false)
	t.Logf("faults: %s", &w.done)
	t.Logf("slowest: %v; answers: %s", w.slow, &w.load.answers)
	t.Logf("kills %d, events %d, lost %d, doubled %d, forged %d, late %d", w.done.kills(), report.Events,
		report.Found[history.Lost], report.Found[history.Doubled], report.Found[history.Forged], report.Found[history.Late])
	require.NoError(t, err)
	w.tamper(t, ctx)
}

// tamper changes the database behind the collectors' back and requires that each change is found: a harness that can
// only be content proves nothing.
func (w *world) tamper(t *testing.T, ctx context.Context) {
	t.Helper()
	conn, err := pgx.Connect(ctx, w.postgres.DSN())
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(ctx))
	const copyOne = "DROP TABLE IF EXISTS one; CREATE TEMP TABLE one AS SELECT * FROM audit_logs LIMIT 1; UPDATE one SET id = gen_random_uuid()"
	for _, change := range []struct {
		class history.Class
		sql   string
	}{
		{history.Miscounted, "UPDATE usage_counts SET errors[array_position(dimension, 1::smallint)] = coalesce(errors[array_position(dimension, 1::smallint)], 0) + 1 WHERE key > 0 AND 1 = ANY (dimension) AND bucket = (SELECT max(bucket) FROM usage_counts WHERE grain = 0)"},
		{history.Unbalanced, "UPDATE ingest_ledger SET count = count - 1 WHERE outcome = 'stored'"},
		{history.Late, "UPDATE audit_logs SET time = time - interval '1 microsecond' WHERE agent = (SELECT min(agent) FROM audit_logs WHERE flags >> 4 & 3 = 1)"},
		{history.Lost, "DELETE FROM audit_logs WHERE agent = (SELECT max(agent) FROM audit_logs WHERE flags >> 4 & 3 = 1)"},
		{history.Doubled, copyOne + "; INSERT INTO audit_logs SELECT * FROM one"},
		{history.Forged, copyOne + ", agent = 'nobody sent this'; INSERT INTO audit_logs SELECT * FROM one"},
	} {
		_, err := conn.Exec(ctx, change.sql)
		require.NoError(t, err, change.class)
		report, err := w.compare(false)
		require.NoError(t, err)
		require.Positivef(t, report.Found[change.class], "%s is not seen after %s", change.class, change.sql)
	}
}

// counter is what a test waits for.
type counter interface{ Load() int64 }

// sees waits until a counter has grown.
func (w *world) sees(t *testing.T, ctx context.Context, c counter, more int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for start := c.Load(); c.Load() < start+more; {
		require.True(t, pause(ctx, 20*time.Millisecond), "waited in vain for %d more", more)
	}
}
