package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

func TestLocksAreClosed(t *testing.T) {
	t.Parallel()
	require.NoError(t, postgres.CheckLocks(t.Context(), postgrestest.New(t)))
}

// Whatever an operator may do to a database by mistake, a start tells it. Roles belong to the whole server, which other tests
// use, so the attributes of the role itself are left alone here.
func TestOpenLocksAreTold(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]struct{ do, says string }{
		"off":           {`ALTER TABLE usage_counts DISABLE ROW LEVEL SECURITY`, "row-level security of usage_counts is off"},
		"new table":     {`CREATE TABLE exports (key int); GRANT SELECT ON exports TO mirrorball_reader`, "row-level security of exports is off"},
		"one column":    {`GRANT SELECT (last) ON key_activity TO PUBLIC; ALTER TABLE key_activity DISABLE ROW LEVEL SECURITY`, "key_activity is off"},
		"everybody":     {`CREATE TABLE exports (key int); GRANT SELECT ON exports TO PUBLIC`, "row-level security of exports is off"},
		"partition":     {`DO $$ BEGIN EXECUTE 'GRANT SELECT ON ' || (SELECT min(oid::regclass::text) FROM pg_class WHERE relispartition AND relname LIKE 'usage_counts%' AND relkind = 'r') || ' TO mirrorball_reader'; END $$`, "is a partition and is granted by its own name"},
		"owner's view":  {`ALTER VIEW usage_cells SET (security_invoker = false)`, "the view usage_cells reads as its owner"},
		"copied view":   {`CREATE MATERIALIZED VIEW copied AS SELECT * FROM users; GRANT SELECT ON copied TO mirrorball_reader`, "the view copied reads as its owner"},
		"write":         {`GRANT UPDATE ON users TO mirrorball_reader`, "may write users"},
		"open policy":   {`CREATE POLICY all_of_it ON users FOR SELECT TO mirrorball_reader USING (true)`, "the policy all_of_it of users opens every row"},
		"public policy": {`CREATE POLICY all_of_it ON audit_logs USING (key > 0)`, "the policy all_of_it of audit_logs opens every row"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.New(t)
			_, err := db.Pool().Exec(t.Context(), try.do)
			require.NoError(t, err)
			err = postgres.CheckLocks(t.Context(), db)
			require.ErrorIs(t, err, postgres.ErrLockOpen)
			require.ErrorContains(t, err, try.says)
		})
	}
}
