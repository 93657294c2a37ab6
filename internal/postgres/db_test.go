package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	require.NoError(t, db.Ping(t.Context()))
	err := db.ReadAs(t.Context(), postgres.Scope{}, func(tx pgx.Tx) error {
		var n int
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT count(*) FROM audit_logs").Scan(&n))
		return nil
	})
	require.NoError(t, err)
}
