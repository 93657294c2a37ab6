package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// BenchmarkUsed counts the month of a key with 90 days of merged rows of 40 cells each, and the rows of an hour that have
// not been merged yet, one to a batch.
func BenchmarkUsed(b *testing.B) {
	for _, batches := range []int{0, 3_600, 36_000} {
		b.Run(fmt.Sprintf("batches=%d", batches), func(b *testing.B) {
			db := postgrestest.New(b)
			ctx := context.Background()
			id := newKey(b, db)
			now := time.Now().UTC()
			end := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
			const row = `INSERT INTO usage_counts (bucket, key, grain, vantage, dimension, value, count, errors, duration_us, latency)
				SELECT t, k.seq, 0, 1, c.dimension, c.value, c.count, '{1,1}', '{1000,1000}', c.latency
				FROM api_keys k, (SELECT array_agg(CASE n WHEN 0 THEN 0 WHEN 1 THEN 10 ELSE 1 + n % 4 END ORDER BY n) AS dimension,
					array_agg(n) AS value, array_agg(1000) AS count, array_agg(1 << 23 | n << 13 | 7) AS latency
					FROM generate_series(0, 39) AS n) AS c, `
			_, err := db.Pool().Exec(ctx, row+`generate_series($1::timestamptz, $2, '15 minutes') AS t WHERE k.id = $3`, end.AddDate(0, 0, -90), end.Add(-time.Hour), id)
			require.NoError(b, err)
			_, err = db.Pool().Exec(ctx, row+`generate_series(1, $1::int), LATERAL (SELECT $2::timestamptz) AS one (t) WHERE k.id = $3`, batches, end.Add(-15*time.Minute), id)
			require.NoError(b, err)
			_, err = db.Pool().Exec(ctx, `VACUUM ANALYZE usage_counts`)
			require.NoError(b, err)
			store := postgres.AllowancesAt(db, usage.VantageServer, end.Add(-time.Second))
			var allowance int32
			require.NoError(b, db.Pool().QueryRow(ctx, `SELECT allowance FROM api_keys WHERE id = $1`, id).Scan(&allowance))
			for b.Loop() {
				u, err := store.Used(ctx, allowance)
				require.NoError(b, err)
				require.Zero(b, u.Requests) // as many refused ones
			}
		})
	}
}

// BenchmarkLease is one lease, COMMIT included.
func BenchmarkLease(b *testing.B) {
	db := postgrestest.New(b)
	ctx := context.Background()
	id := newKey(b, db)
	var allowance int32
	require.NoError(b, db.Pool().QueryRow(ctx, `UPDATE allowances SET requests_per_hour = 1::bigint << 62 WHERE seq = (SELECT allowance FROM api_keys WHERE id = $1) RETURNING seq`, id).Scan(&allowance))
	store := postgres.NewAllowances(db, usage.VantageServer)
	for b.Loop() {
		_, err := store.Lease(ctx, allowance, 1)
		require.NoError(b, err)
	}
}
