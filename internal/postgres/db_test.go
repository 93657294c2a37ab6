package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Several collectors start at once on an empty database.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewEmptyDSN(t)
	done := make(chan error)
	for range 4 {
		go func() {
			db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, MaxConns: 2})
			if err == nil {
				db.Close()
			}
			done <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-done)
	}
	db := postgrestest.Open(t, postgres.Config{DSN: dsn, Window: usage.Window{Past: 400 * 24 * time.Hour, Future: time.Hour}})
	require.Equal(t, "true", text(t, db, `SELECT count(*) > 57 FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass`), "a wider window makes older partitions")
	require.Equal(t, "0", text(t, db, `SELECT count(*) FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE c.relkind = 'r' AND NOT relrowsecurity`))
}

// The role that reads sees the keys of its scope and nothing else, whatever it asks.
func TestReadAs(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	keys := []string{newKey(t, db), newKey(t, db)}
	for n, key := range keys {
		e := request(n)
		e.KeyID, e.AgentID = key, "a"
		write(t, w, e)
	}
	write(t, w, request(9)) // nobody's
	var mine int32
	require.NoError(t, db.Pool().QueryRow(t.Context(), `SELECT seq FROM api_keys WHERE id = $1`, keys[0]).Scan(&mine))

	tables := []string{"audit_logs", "usage_statistics WHERE dimension = 0", "key_activity", "ingest_ledger", "api_keys"}
	tests := map[string]struct {
		scope postgres.Scope
		want  []int
	}{
		"Nothing":  {postgres.Scope{}, []int{0, 0, 0, 0, 0}},
		"One":      {postgres.Scope{Keys: []int32{mine}}, []int{1, 1, 1, 1, 1}},
		"Two":      {postgres.Scope{Keys: []int32{mine, mine + 1}}, []int{2, 2, 2, 2, 2}},
		"Nobody's": {postgres.Scope{Keys: []int32{0}}, []int{1, 1, 1, 1, 0}},
		"All":      {postgres.Scope{All: true}, []int{3, 3, 3, 3, 2}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := db.ReadAs(t.Context(), tt.scope, func(tx pgx.Tx) error {
				var got []int
				for _, table := range tables {
					var n int
					column := "key"
					if table == "api_keys" {
						column = "seq"
					}
					if err := tx.QueryRow(t.Context(), fmt.Sprintf(`SELECT count(%s) FROM %s`, column, table)).Scan(&n); err != nil {
						return err
					}
					got = append(got, n)
				}
				require.Equal(t, tt.want, got)
				return nil
			})
			require.NoError(t, err)
		})
	}

	for name, sql := range map[string]string{
		"Partition":  `SELECT count(*) FROM ` + text(t, db, `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass LIMIT 1`),
		"Digest":     `SELECT count(digest) FROM api_keys`,
		"Quarantine": `SELECT count(*) FROM quarantine`,
		"Write":      `INSERT INTO ingest_ledger VALUES (now(), 1, 'stored', 1)`,
	} {
		t.Run("No"+name, func(t *testing.T) {
			err := db.ReadAs(t.Context(), postgres.Scope{All: true}, func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), sql)
				return err
			})
			require.Error(t, err)
		})
	}
	require.Equal(t, "0", text(t, db, `SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relrowsecurity AND has_table_privilege('mirrorball_reader', oid, 'SELECT')
		AND relnamespace = 'public'::regnamespace AND relname <> 'dictionary'`), "whatever may be read has row-level security")
}

// A login that is neither superuser nor may create roles is told what is missing, and works once it has it.
func TestOrdinaryLogin(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t) // the server has mirrorball_reader now
	admin, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	require.NoError(t, err)
	name := "login_" + text(t, admin, `SELECT oid FROM pg_database WHERE datname = current_database()`)
	for _, sql := range []string{
		`CREATE ROLE ` + name + ` LOGIN PASSWORD 'only for a test'`,
		`DROP SCHEMA public CASCADE`, `CREATE SCHEMA public AUTHORIZATION ` + name,
	} {
		_, err := admin.Pool().Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	t.Cleanup(func() { dropRole(t, admin, name); admin.Close() })
	cfg := admin.Pool().Config().ConnConfig
	dsn = fmt.Sprintf("postgres://%s:only%%20for%%20a%%20test@%s:%d/%s", name, cfg.Host, cfg.Port, cfg.Database)

	_, err = postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	require.ErrorContains(t, err, "GRANT mirrorball_reader TO "+name)
	_, err = admin.Pool().Exec(t.Context(), `GRANT mirrorball_reader TO `+name)
	require.NoError(t, err)
	db := postgrestest.Open(t, postgres.Config{DSN: dsn})
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	require.Equal(t, usage.Receipt{Stored: 2}, write(t, w, request(1), request(2)), "COPY works for the owner")
	require.Equal(t, usage.Receipt{Stored: 1, Repeated: 1}, write(t, w, request(1), request(3)))
	requireEqualToRecount(t, db)
	require.NoError(t, db.ReadAs(t.Context(), postgres.Scope{Keys: []int32{1}}, func(tx pgx.Tx) error {
		var n int
		err := tx.QueryRow(t.Context(), `SELECT count(*) FROM usage_statistics`).Scan(&n)
		require.Zero(t, n)
		return err
	}))
}

func dropRole(t *testing.T, admin *postgres.DB, name string) {
	t.Helper()
	ctx := context.Background() // t.Context has ended
	_, err := admin.Pool().Exec(ctx, `DROP OWNED BY `+name+` CASCADE`)
	require.NoError(t, err)
	_, err = admin.Pool().Exec(ctx, `DROP ROLE `+name)
	require.NoError(t, err)
}

// Partition names follow ISO weeks over the turn of a year, and UTC whatever the zone of a time.
func TestPartitions(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{
		"2026-11-24T00:00:00Z":        "audit_logs_2026w48 2026-11-23 usage_counts_2026_11",
		"2027-01-03T23:59:59.999999Z": "audit_logs_2026w53 2026-12-28 usage_counts_2027_01",
		"2027-01-04T00:00:00Z":        "audit_logs_2027w01 2027-01-04 usage_counts_2027_01",
		"2024-12-30T00:00:00Z":        "audit_logs_2025w01 2024-12-30 usage_counts_2024_12",
		"2026-03-01T00:30:00+02:00":   "audit_logs_2026w09 2026-02-23 usage_counts_2026_02",
	} {
		moment, err := time.Parse(time.RFC3339Nano, at)
		require.NoError(t, err)
		require.Equal(t, want, postgres.PartitionsOf(moment), at)
	}
}
