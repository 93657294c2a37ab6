package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Whatever part of the store says otherwise than the rest, there is no figure.
func TestVerify(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ damage, want string }{
		"nothing":             {"SELECT 1", ""},
		"an event is lost":    {"DELETE FROM audit_logs WHERE status = 404", "holds 2 instead of 3"},
		"a count is too high": {"UPDATE usage_counts SET count[array_position(dimension, 0::smallint)] = count[array_position(dimension, 0::smallint)] + 1 WHERE key > 0", "FROM usage_counts"},
		"the ledger is short": {"UPDATE ingest_ledger SET count = count - 1", "FROM ingest_ledger"},
		"a span was refused":  {"INSERT INTO ingest_ledger VALUES (now(), 1, 'too_old', 1)", "holds 1 instead of 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := postgrestest.NewDSN(t)
			store := postgrestest.Open(t, postgres.Config{DSN: dsn, MaxConns: 2})
			db := &database{name: "test", dsn: dsn}
			customers, err := register(t.Context(), db, postgres.Pepper("a pepper of this test"), 2)
			require.NoError(t, err)
			_, err = apikey.Check(customers[1].key)
			require.NoError(t, err)

			now := time.Now().UTC().Truncate(time.Microsecond)
			keyID := keyIDOf(t, store)
			var events []usage.Event
			for i, status := range []int{200, 201, 404} {
				events = append(events, usage.Event{
					ID: usage.ID{byte(i + 1)}, Kind: usage.KindRequest, Vantage: usage.VantageServer, KeyID: keyID, Trusted: true,
					Time: now, Method: "GET", Route: "/v1/payments", Status: status, Failed: status >= 400,
				})
			}
			_, err = postgres.NewWriter(store, postgres.WriterConfig{}).Write(t.Context(), &usage.Batch{Events: events})
			require.NoError(t, err)
			require.NoError(t, db.exec(t.Context(), tt.damage))
			sizes, err := db.sizes(t.Context())
			require.NoError(t, err)
			for _, table := range tables {
				require.Positive(t, sizes[table], table)
			}
			if err := verify(t.Context(), db, 3); tt.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
}

func keyIDOf(t *testing.T, store *postgres.DB) string {
	t.Helper()
	var id string
	require.NoError(t, store.Pool().QueryRow(t.Context(), "SELECT id FROM api_keys ORDER BY seq LIMIT 1").Scan(&id))
	return id
}
