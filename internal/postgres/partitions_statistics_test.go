package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

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

// Events are only ever added, so autovacuum has nothing to do for them until transaction numbers run out. Statistics are merged,
// which leaves dead rows.
func TestEventsAreNotVacuumedForTheirNumber(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	const settings = `
		SELECT string_agg(DISTINCT coalesce(c.reloptions::text, ''), ' ')
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass`
	require.Equal(t, "{autovacuum_vacuum_insert_threshold=-1}", text(t, db, settings, "audit_logs"))
	require.Equal(t, "", text(t, db, settings, "usage_counts"))
}
