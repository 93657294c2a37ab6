package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// A batch that waits before its COMMIT keeps nobody waiting who admits values of the same key and day.
func TestAdmissionsWaitForNoBatch(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	key := newKey(t, db)
	before := request(1)
	before.KeyID = key
	write(t, postgres.NewWriter(db, postgres.WriterConfig{}), before)

	tx, err := db.Pool().Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	_, err = tx.Exec(t.Context(), `LOCK TABLE key_activity`) // events stand in the way of nobody by then
	require.NoError(t, err)
	slow := request(900) // a later quarter of an hour, which key_activity has to know
	slow.KeyID, slow.Route = key, "/slow"
	done := make(chan error, 1)
	go func() {
		_, err := postgres.NewWriter(db, postgres.WriterConfig{}).Write(t.Context(), &usage.Batch{Events: []usage.Event{slow}})
		done <- err
	}()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, "1", text(t, db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%key_activity%' AND wait_event_type = 'Lock'`))
	}, 10*time.Second, 5*time.Millisecond)

	conn, err := db.Pool().Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), `SET lock_timeout = '1ms'`)
	require.NoError(t, err)
	var routes int
	require.NoError(t, conn.QueryRow(t.Context(), `
		WITH a AS (UPDATE admissions SET admitted = admitted RETURNING admitted)
		SELECT count(*) FROM a, unnest(admitted) AS n JOIN dictionary d ON d.id = n WHERE d.value LIKE 'POST %'`).Scan(&routes))
	require.Equal(t, 2, routes, "what is admitted is committed before the events")

	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-done)
}

// ANALYZE looks at the columns by which rows are found, and at no other.
func TestPlannerKnowsOnlyWhatFindsRows(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	write(t, postgres.NewWriter(db, postgres.WriterConfig{}), request(1))
	_, err := db.Pool().Exec(t.Context(), `ANALYZE audit_logs, usage_counts`)
	require.NoError(t, err)
	const known = `
		SELECT string_agg(DISTINCT a.attname, ' ' ORDER BY a.attname)
		FROM pg_inherits i JOIN pg_statistic s ON s.starelid = i.inhrelid JOIN pg_attribute a ON (a.attrelid, a.attnum) = (s.starelid, s.staattnum)
		WHERE i.inhparent = $1::text::regclass`
	require.Equal(t, "id key time", text(t, db, known, "audit_logs"))
	require.Equal(t, "bucket grain key vantage", text(t, db, known, "usage_counts"))
}
