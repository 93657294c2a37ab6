package postgres_test

import (
	"fmt"
	"math"
	"strings"
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
	events := []usage.Event{request(1), request(2), request(3)}
	events[0].Payment, events[0].AgentID, events[0].ServiceID = payment("12.50", "EUR"), "a1", "svc"
	write(t, w, ofKey(events, newKey(t, db))...)
	report := requireEqualToRecount(t, db)
	require.Equal(t, int64(3), report.Events)
	require.Equal(t, int64(6), report.Rows, "total, endpoint, SDK, country, service, payments")
	require.Equal(t, int64(1), report.Agents)

	tests := map[string]struct{ sql, column, dimension string }{
		"Count":    {change(1, 0, "count[i] = count[i] + 1"), "count", "total"},
		"Volume":   {change(1, 7, "volume[i] = volume[i] + 0.000000000000000001"), "volume", "payments"},
		"Latency":  {change(1, 1, "latency[1] = latency[1] + 1"), "latency", "endpoint"},
		"Missing":  {change(1, 3, "dimension[i] = 4"), "count", "country"},
		"Later":    {`UPDATE usage_counts SET bucket = bucket + interval '15 minutes' WHERE key > 0`, "count", "sdk"},
		"Agent":    {`UPDATE usage_counts SET seen[1] = seen[1] + 1 WHERE key > 0`, "seen", "agent"},
		"Event":    {`DELETE FROM audit_logs WHERE time = (SELECT max(time) FROM audit_logs)`, "count", "total"},
		"Duration": {change(1, 1, "duration_us[i] = duration_us[i] - 1"), "duration_us", "endpoint"},
		"Together": {change(-1, 9, "count[i] = count[i] + 1"), "count", "organization"},
		"Days":     {`DELETE FROM usage_counts WHERE key < 0 AND grain = 2`, "count", "sdk"},
		"Slower":   {change(-1, 0, "latency[1] = latency[1] + (1 << 13)"), "latency", "total"},
		"Unseen":   {`DELETE FROM key_activity`, "last", "last_seen"},
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

// change plants a difference in the rows of a key, or of all keys together for a negative one: i is the place of the first
// cell of a dimension.
func change(key, dimension int, assignment string) string {
	set := strings.ReplaceAll(assignment, "[i]", fmt.Sprintf("[array_position(dimension, %d::smallint)]", dimension))
	return fmt.Sprintf("UPDATE usage_counts SET %s WHERE sign(key) = %d AND %d = ANY (dimension)", set, key, dimension)
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
