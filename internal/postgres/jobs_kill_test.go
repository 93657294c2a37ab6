package postgres_test

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// maintainVariable makes a process of this test binary a collector that does nothing but run the jobs of a database.
const maintainVariable = "MIRRORBALL_TEST_MAINTAIN"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(maintainVariable); dsn != "" {
		db, err := postgres.Open(context.Background(), shortLived(dsn))
		if err != nil {
			panic(err)
		}
		db.Maintain(context.Background(), func(err error) { println(err.Error()) })
	}
	os.Exit(m.Run())
}

// shortLived keeps events for two days, and quarters of an hour for no longer than is allowed.
func shortLived(dsn string) postgres.Config {
	return postgres.Config{DSN: dsn, Window: usage.Window{Past: day, Future: time.Hour},
		Retention: postgres.Retention{Events: 2 * day, QuarterHours: 400 * day, Hours: 400 * day}}
}

// A collector that is killed in the middle of a job loses nothing and doubles nothing, and another one finishes the job.
func TestKilledInTheMiddleOfAJob(t *testing.T) {
	t.Parallel()
	for task, tt := range map[string]struct {
		block  string // what keeps the job from going on once it has done a part; WEEK is a partition with old events
		waits  string // how the statement begins that waits for it
		middle string // what is true then, of a job that has begun and not ended
	}{
		"drop_events": {
			block: `LOCK TABLE ONLY WEEK IN ACCESS SHARE MODE`,
			waits: "ALTER TABLE audit_logs DETACH",
			middle: `SELECT (SELECT count(*) FROM pg_inherits WHERE inhdetachpending) = 1
				AND (SELECT min(time) > now() - interval '408 days' FROM audit_logs)`,
		},
		"roll_up_statistics": {
			block:  `SELECT FROM usage_counts WHERE key > 0 AND bucket BETWEEN now() - interval '408 days' AND now() - interval '407 days' FOR UPDATE`,
			waits:  "\nDELETE FROM usage_counts",
			middle: `SELECT (SELECT string_agg(DISTINCT grain::text, ' ') FROM usage_counts WHERE key > 0) = '0 1' AND quarters_rolled < quarters_from FROM retention`,
		},
	} {
		t.Run(task, func(t *testing.T) {
			t.Parallel()
			dsn := postgrestest.NewDSN(t)
			db := postgrestest.Open(t, postgres.Config{DSN: dsn, Window: usage.Window{Past: 430 * day, Future: time.Hour},
				Retention: postgres.Retention{Events: 431 * day, QuarterHours: 431 * day, Hours: 431 * day}})
			writeOldEvents(t, db)
			days := sumsOf(t, db, "day")
			require.True(t, requireEqualToRecount(t, db).Equal())

			week := text(t, db, `SELECT max(tableoid::regclass::text) FROM audit_logs WHERE time < now() - interval '407 days'`)
			killWhileWaiting(t, db, dsn, strings.ReplaceAll(tt.block, "WEEK", week), tt.waits)
			require.Equal(t, "true", text(t, db, tt.middle), "killed in the middle")
			require.Equal(t, days, withEverybodysHours(days, sumsOf(t, db, "day")))
			require.True(t, requireEqualToRecount(t, db).Equal(), "half done is no different")

			// An hour later, as far as the jobs can tell: neither leads the killed one any more, nor is its job under way.
			for _, sql := range []string{`DELETE FROM river_leader`, `UPDATE river_job SET attempted_at = attempted_at - interval '2 hours' WHERE state = 'running'`} {
				_, err := db.Pool().Exec(t.Context(), sql)
				require.NoError(t, err)
			}
			finishJobs(t, db, dsn)
			require.Equal(t, days, withEverybodysHours(days, sumsOf(t, db, "day")))
			require.Equal(t, "1", text(t, db, `SELECT count(*) FROM audit_logs`))
			require.Equal(t, "0", text(t, db, `SELECT count(*) FROM pg_class, retention WHERE relname ~ '^audit_logs_\d' AND relkind = 'r' AND relname < to_char(sealed_before, '"audit_logs_"IYYY"w"IW')`))
			require.Equal(t, "0 2", text(t, db, grains+`> 0`), "the old ones by the day, today's by the quarter of an hour")
			require.Equal(t, "0", text(t, db, splitPeriods))
			report := requireEqualToRecount(t, db)
			require.True(t, report.Equal(), "%+v", report.Ledger)
			require.Equal(t, []int64{41, 40}, []int64{report.Ledger.Events, report.Ledger.SealedEvents})
		})
	}
}

// writeOldEvents writes forty events of 420 to 401 days ago, two to a day, and one of now.
func writeOldEvents(t *testing.T, db *postgres.DB) {
	t.Helper()
	keys, now := []string{newKey(t, db), newKey(t, db)}, time.Now()
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	for n := range 41 {
		e := request(n)
		e.KeyID, e.Time = keys[n%2], now.Add(-time.Duration(420-n/2)*day)
		if n == 40 {
			e.Time = now
		}
		write(t, w, e)
	}
}

// killWhileWaiting runs the jobs in a process of its own and kills it at the moment at which a statement waits for the block.
func killWhileWaiting(t *testing.T, db *postgres.DB, dsn, block, statement string) {
	t.Helper()
	blocker, err := db.Pool().Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = blocker.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = blocker.Exec(t.Context(), block)
	require.NoError(t, err)

	var said strings.Builder
	collector := exec.Command(os.Args[0])
	collector.Env = append(os.Environ(), maintainVariable+"="+dsn)
	collector.Stderr = &said
	require.NoError(t, collector.Start())
	var waiting string
	const find = `SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND starts_with(query, $1)`
	deadline := time.Now().Add(time.Minute)
	for waiting = "0"; waiting == "0" && time.Now().Before(deadline); {
		waiting = text(t, db, find, statement)
	}
	require.NoError(t, collector.Process.Kill()) // SIGKILL
	_ = collector.Wait()
	require.NotEqual(t, "0", waiting, "the job never came so far: %s", said.String())

	// A statement that is under way goes on without its client, until it is done or has to answer. Its server ends now, before the
	// block does.
	pid, err := strconv.Atoi(waiting)
	require.NoError(t, err)
	_, err = db.Pool().Exec(t.Context(), `SELECT pg_terminate_backend($1)`, pid)
	require.NoError(t, err)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, "0", text(t, db, `SELECT count(*) FROM pg_stat_activity WHERE pid = $1`, pid))
	}, time.Minute, 10*time.Millisecond)
}

// finishJobs runs the jobs here until all are done.
func finishJobs(t *testing.T, db *postgres.DB, dsn string) {
	t.Helper()
	second := postgrestest.Open(t, shortLived(dsn))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		second.Maintain(ctx, func(err error) { t.Error(err) })
	}()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, "5 0", text(t, db, `SELECT count(DISTINCT args) FILTER (WHERE state = 'completed') || ' ' || count(*) FILTER (WHERE state <> 'completed') FROM river_job`))
	}, 2*time.Minute, 50*time.Millisecond)
	cancel()
	<-done
}
