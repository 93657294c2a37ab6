package postgres_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func requireEqualToRecount(t require.TestingT, db *postgres.DB) *postgres.Report {
	report, err := postgres.Reconcile(contextOf(t), db, postgres.ReconcileConfig{MaxDifferences: 10})
	require.NoError(t, err)
	require.Zero(t, report.Total, "%+v", report.Differences)
	return report
}

// Each planted difference is found, and named.
func TestReconcileFindsDifferences(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	paid := request(1)
	paid.Payment, paid.AgentID, paid.ServiceID = payment("12.50", "EUR"), "a1", "svc"
	write(t, w, paid, request(2), request(3))
	report := requireEqualToRecount(t, db)
	require.Equal(t, int64(3), report.Events)
	require.Equal(t, int64(6), report.Rows, "total, endpoint, SDK, country, service, payments")
	require.Equal(t, int64(1), report.Agents)

	tests := map[string]struct{ sql, column, dimension string }{
		"Count":    {`UPDATE usage_statistics SET count = count + 1 WHERE dimension = 0`, "count", "total"},
		"Volume":   {`UPDATE usage_statistics SET volume = volume + 0.000000000000000001 WHERE dimension = 7`, "volume", "payments"},
		"Latency":  {`UPDATE usage_statistics SET latency = latency + 1 WHERE dimension = 1`, "latency", "endpoint"},
		"Missing":  {`DELETE FROM usage_statistics WHERE dimension = 3`, "count", "country"},
		"TooMany":  {`INSERT INTO usage_statistics SELECT bucket - interval '1 hour', key, value, vantage, dimension, count, errors, duration_us, payments, agents, services, volume, fees, latency FROM usage_statistics WHERE dimension = 2`, "count", "sdk"},
		"Agent":    {`UPDATE agent_activity SET slots = ~slots`, "slots", "agent"},
		"Event":    {`DELETE FROM audit_logs WHERE time = (SELECT max(time) FROM audit_logs)`, "count", "total"},
		"Duration": {`UPDATE usage_statistics SET duration_us = duration_us - 1 WHERE dimension = 6`, "duration_us", "service"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tx, err := db.Pool().Begin(t.Context())
			require.NoError(t, err)
			defer func() { _ = tx.Rollback(t.Context()) }()
			_, err = tx.Exec(t.Context(), tt.sql)
			require.NoError(t, err)
			report, err := postgres.ReconcileIn(t.Context(), tx)
			require.NoError(t, err)
			require.False(t, report.Equal())
			found := false
			for _, d := range report.Differences {
				found = found || d.Column == tt.column && d.Dimension == tt.dimension
			}
			require.True(t, found, "%+v", report.Differences)
		})
	}
	requireEqualToRecount(t, db)
}

// width_bucket over the bounds is the Go function, next to each bound and at the ends.
func TestLatencyBoundsAreExact(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	bounds := postgres.LatencyBounds()
	probes := []int32{0, 1, 2, 3, math.MaxInt32 - 1, math.MaxInt32}
	for _, b := range bounds {
		probes = append(probes, b-1, b)
		if b < math.MaxInt32 {
			probes = append(probes, b+1)
		}
	}
	rows, err := db.Pool().Query(t.Context(), `SELECT width_bucket(p, $1::int[]) FROM unnest($2::int[]) WITH ORDINALITY AS u (p, n) ORDER BY n`, bounds, probes)
	require.NoError(t, err)
	defer rows.Close()
	for _, p := range probes {
		require.True(t, rows.Next())
		var bucket int
		require.NoError(t, rows.Scan(&bucket))
		require.Equal(t, usage.LatencyBucket(int64(p)), bucket, "%d µs", p)
	}
}
