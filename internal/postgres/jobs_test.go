package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

const jobsDone = `SELECT coalesce(string_agg(args ->> 'task' || ' ' || n, ', ' ORDER BY args ->> 'task'), '')
	FROM (SELECT args, count(*) AS n FROM river_job WHERE state = 'completed' GROUP BY args) AS done`

// Collectors that share a database run each job once, and leave nothing behind when they stop.
func TestJobsRunOnce(t *testing.T) { // not in parallel: it looks at all goroutines
	dsn := postgrestest.NewDSN(t)
	cfg := postgres.Config{DSN: dsn, Window: usage.Window{Past: day, Future: time.Hour},
		Retention: postgres.Retention{Events: 2 * day, QuarterHours: 400 * day, Hours: 400 * day}}
	watcher := postgrestest.Open(t, postgres.Config{DSN: dsn})
	require.Equal(t, "true", text(t, watcher, `SELECT count(*) > 12 FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass`))
	before := goleak.IgnoreCurrent()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var collectors sync.WaitGroup
	reported := make(chan error, 100)
	for range 2 {
		db, err := postgres.Open(t.Context(), cfg)
		require.NoError(t, err)
		collectors.Go(func() {
			defer db.Close()
			db.Maintain(ctx, func(err error) { reported <- err })
		})
	}
	want := "create_partitions 1, delete_expired 1, drop_events 1, merge_statistics 1, roll_up_statistics 1"
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, want, text(t, watcher, jobsDone))
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, "true", text(t, watcher, `SELECT count(*) < 5 FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass`), "old partitions are dropped")
	cancel()
	collectors.Wait()
	require.Equal(t, want, text(t, watcher, jobsDone))
	require.Empty(t, reported)
	goleak.VerifyNone(t, before)
}

// What fails is said, without the words of Postgres, and does not stop the rest.
func TestFailedJobsAreReported(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	_, err := db.Pool().Exec(t.Context(), `DROP TABLE quarantine`)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	reported := make(chan error, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		db.Maintain(ctx, func(err error) { reported <- err })
	}()
	err = <-reported
	require.ErrorContains(t, err, "delete_expired")
	require.ErrorContains(t, err, "cannot delete old rows of quarantine: Postgres refused with SQLSTATE 42P01")
	var state *postgres.StateError
	require.True(t, errors.As(err, &state))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, "create_partitions 1, drop_events 1, merge_statistics 1, roll_up_statistics 1", text(t, db, jobsDone))
	}, time.Minute, 50*time.Millisecond)
	cancel()
	<-done
}
