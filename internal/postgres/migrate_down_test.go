package postgres_test

import (
	"database/sql"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// catalog is all that the migrations make, a line to each thing. Partitions and the tables of River and goose are others'.
const catalog = `
WITH mine AS (
	SELECT c.* FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
		AND NOT c.relispartition AND c.relname !~ '^(river_|goose_|audit_logs_)'
), owned AS (
	SELECT oid, oid::regclass::text AS name, relkind, relrowsecurity, relforcerowsecurity, reloptions, relacl, relowner FROM mine WHERE relkind IN ('r', 'p', 'v')
)
SELECT format('table %s %s %s %s %s', name, relkind, relrowsecurity, relforcerowsecurity, reloptions) FROM owned
UNION ALL SELECT format('grant %s %s', name, acl) FROM owned, unnest(coalesce(relacl, acldefault('r', relowner))) AS acl
UNION ALL SELECT format('column %s %s %s %s %s %s %s %s', name, row_number() OVER (PARTITION BY attrelid ORDER BY attnum), attname,
		format_type(atttypid, atttypmod), attnotnull, attidentity, attstorage, pg_get_expr(adbin, adrelid))
	FROM owned JOIN pg_attribute ON attrelid = owned.oid AND attnum > 0 AND NOT attisdropped
	LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL SELECT format('column grant %s %s %s', name, attname, acl)
	FROM owned JOIN pg_attribute ON attrelid = owned.oid AND NOT attisdropped CROSS JOIN unnest(attacl) AS acl
UNION ALL SELECT format('constraint %s %s %s', name, conname, pg_get_constraintdef(k.oid))
	FROM owned JOIN pg_constraint k ON conrelid = owned.oid AND contype <> 'n'
UNION ALL SELECT format('index %s', pg_get_indexdef(oid)) FROM mine WHERE relkind IN ('i', 'I')
	AND oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM owned))
UNION ALL SELECT format('view %s %s', name, pg_get_viewdef(oid)) FROM owned WHERE relkind = 'v'
UNION ALL SELECT format('policy %s %s %s %s %s %s', name, polname, polcmd, polroles::regrole[], polpermissive, pg_get_expr(polqual, polrelid))
	FROM owned JOIN pg_policy ON polrelid = owned.oid
UNION ALL SELECT format('trigger %s', pg_get_triggerdef(t.oid)) FROM owned JOIN pg_trigger t ON tgrelid = owned.oid AND NOT tgisinternal
UNION ALL SELECT format('function %s %s', proname, pg_get_functiondef(oid)) FROM pg_proc
	WHERE pronamespace = current_schema()::regnamespace AND proname !~ '^river_'
UNION ALL SELECT format('schema %s', acl) FROM pg_namespace, unnest(coalesce(nspacl, acldefault('n', nspowner))) AS acl WHERE nspname = current_schema()
ORDER BY 1`

func catalogOf(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), catalog)
	require.NoError(t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	return lines
}

func migrations(t *testing.T, dsn string) (*goose.Provider, *sql.DB) {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = db.Close() })
	provider, err := goose.NewProvider(goose.DialectPostgres, db, postgres.Migrations())
	require.NoError(t, err)
	return provider, db
}

// requireCatalog says only what differs.
func requireCatalog(t *testing.T, want []string, db *sql.DB) {
	t.Helper()
	got := catalogOf(t, db)
	missing := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return slices.Contains(got, line) })
	more := slices.DeleteFunc(slices.Clone(got), func(line string) bool { return slices.Contains(want, line) })
	require.Empty(t, missing, "missing")
	require.Empty(t, more, "left over")
	require.Len(t, got, len(want))
}

// Each migration that is taken back leaves what was there before it, on a database that holds data, too.
func TestMigrationsDown(t *testing.T) {
	t.Parallel()
	up, fresh := migrations(t, postgrestest.NewEmptyDSN(t))
	versions := [][]string{catalogOf(t, fresh)}
	for range up.ListSources() {
		_, err := up.UpByOne(t.Context())
		require.NoError(t, err)
		versions = append(versions, catalogOf(t, fresh))
	}
	latest := len(versions) - 1
	require.Greater(t, len(versions[latest]), 200)

	dsn := postgrestest.NewDSN(t)
	fillAllTables(t, dsn)
	down, used := migrations(t, dsn)
	requireCatalog(t, versions[latest], used)
	for v := latest - 1; v >= 0; v-- {
		_, err := down.Down(t.Context())
		require.NoError(t, err, "down to %d", v)
		requireCatalog(t, versions[v], used)
		if v == 6 {
			var calls string
			require.NoError(t, used.QueryRowContext(t.Context(), `SELECT string_agg(count::text, ' ') FROM refused_calls`).Scan(&calls))
			require.Equal(t, "7", calls, "what keys told apart is one row again")
		}
	}
	var tables int
	require.NoError(t, used.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_class WHERE relname ~ '^(audit_logs|usage_counts)'`).Scan(&tables))
	require.Zero(t, tables, "partitions that are left over would be in the way of new ones")
	_, err := down.Up(t.Context())
	require.NoError(t, err)
	requireCatalog(t, versions[latest], used)

	db := postgrestest.Open(t, postgres.Config{DSN: dsn})
	write(t, postgres.NewWriter(db, postgres.WriterConfig{}), request(1))
	require.True(t, requireEqualToRecount(t, db).Equal())
}

// fillAllTables leaves a row in every table of the migrations, and an event partition that is about to be dropped.
func fillAllTables(t *testing.T, dsn string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	require.NoError(t, err)
	defer db.Close()
	key := newKey(t, db)
	e, undated := request(1), request(2)
	e.KeyID, e.AgentID, e.Payment = key, "a1", payment("12.50", "EUR")
	undated.Undated = true
	_, err = postgres.NewWriter(db, postgres.WriterConfig{}).Write(t.Context(), &usage.Batch{
		Events:     []usage.Event{e, undated},
		Totals:     []usage.ReportedTotal{{KeyID: key, Name: "calls", Start: noon, Time: noon}},
		Rejections: []usage.Rejection{{ReporterID: key, Reason: usage.ReasonTooOld, Count: 1, Record: "{}"}},
	})
	require.NoError(t, err)
	for _, sql := range []string{
		`INSERT INTO refused_calls (minute, key, prefix, fingerprint, reason, count)
			SELECT '2026-11-24', n, '10.0.0.1/32', '', 'revoked', 3 + n FROM generate_series(0, 1) AS n`,
		`INSERT INTO allowance_hours SELECT seq, '2026-11-24', 1, 1 FROM allowances LIMIT 1`,
		`INSERT INTO invitations (id, digest, organization, email, email_folded, role, mailed, expires_at)
			SELECT 'inv_1', '\x01', seq, '', '', 'admin', false, now() FROM organizations LIMIT 1`,
		`INSERT INTO confirmations SELECT '\x01', seq, '', now() FROM users LIMIT 1`,
		`INSERT INTO organizations (id, name, merged_into) SELECT 'org_1', '', seq FROM organizations LIMIT 1`,
		`UPDATE api_keys SET rotated_from = seq, last_used = now()`,
		`INSERT INTO settings VALUES ('test', '')`,
		`INSERT INTO brought_forward (key) VALUES (1)`,
	} {
		_, err := db.Pool().Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	oldest := text(t, db, `SELECT min(relname) FROM pg_class WHERE relname ~ '^audit_logs_\d' AND relkind = 'r'`)
	_, err = db.Pool().Exec(t.Context(), `ALTER TABLE audit_logs DETACH PARTITION `+oldest)
	require.NoError(t, err)
	const empty = `SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class WHERE relnamespace = current_schema()::regnamespace
		AND relkind IN ('r', 'p') AND NOT relispartition AND relname !~ '^(river_|goose_|audit_logs_)'
		AND query_to_xml('SELECT 1 FROM ' || quote_ident(relname) || ' LIMIT 1', false, false, '')::text !~ '<row'`
	require.Equal(t, "", text(t, db, empty), "tables without a row")
}
