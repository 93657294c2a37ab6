package postgres_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func requireEqualToRecount(t require.TestingT, db *postgres.DB) *postgres.Report {
	report, err := postgres.Reconcile(contextOf(t), db, postgres.ReconcileConfig{MaxDifferences: 10})
	require.NoError(t, err)
	require.Zero(t, report.Total, "%+v", report.Differences)
	require.NotNil(t, report.Ledger)
	return report
}

// Each planted difference is found, and named.
func TestReconcileFindsDifferences(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	events := []usage.Event{request(1), request(2), request(3)}
	events[0].Payment, events[0].AgentID, events[0].ServiceID = payment("12.50", "EUR"), "a1", "svc"
	events[2].Status, events[2].Failed = 429, true
	write(t, w, ofKey(events, newKey(t, db))...)
	report := requireEqualToRecount(t, db)
	require.Equal(t, int64(3), report.Events)
	require.Equal(t, int64(7), report.Rows, "total, endpoint, SDK, country, service, payments, refused")
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
		"Together": {moreShares, "count", "organization"},
		"Days":     {`DELETE FROM usage_counts WHERE key < 0 AND grain = 2`, "count", "sdk"},
		"Refused":  {change(1, 10, "count[i] = count[i] + 1"), "count", "refused"},
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
			report := requireSameAsOracle(t, tx)
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

// moreShares gives the first organisation one request more.
const moreShares = `UPDATE usage_counts SET shares = set_byte(shares, 4 + get_byte(shares, 0), get_byte(shares, 4 + get_byte(shares, 0)) + 1) WHERE shares IS NOT NULL`

// change plants a difference in the rows of a key, or of all keys together for a negative one: i is the place of the first
// cell of a dimension.
func change(key, dimension int, assignment string) string {
	set := strings.ReplaceAll(assignment, "[i]", fmt.Sprintf("[array_position(dimension, %d::smallint)]", dimension))
	return fmt.Sprintf("UPDATE usage_counts SET %s WHERE sign(key) = %d AND %d = ANY (dimension)", set, key, dimension)
}

// requireSameAsOracle expects the same differences as SQL finds, each with the same values.
func requireSameAsOracle(t *testing.T, tx pgx.Tx) *postgres.Report {
	t.Helper()
	report, err := postgres.ReconcileIn(t.Context(), tx)
	require.NoError(t, err)
	oracle, err := postgres.Oracle(t.Context(), tx)
	require.NoError(t, err)
	require.Equal(t, inOneForm(oracle.Differences), inOneForm(report.Differences))
	require.Equal(t, oracle.Total, report.Total)
	require.Equal(t, oracle.Events, report.Events)
	require.Equal(t, oracle.Agents, report.Agents)
	return report
}

// inOneForm takes off how arrays and times look, and the order.
func inOneForm(differences []postgres.Difference) []string {
	form := strings.NewReplacer("{", "", "}", "", "T", " ", "+00", "", "Z", "")
	lines := make([]string, len(differences))
	for i, d := range differences {
		d.Stored, d.Counted = form.Replace(d.Stored), form.Replace(d.Counted)
		lines[i] = fmt.Sprintf("%+v", d)
	}
	slices.Sort(lines)
	return lines
}

// Whatever the events and whatever is wrong, the recount finds what SQL finds. Keys have room for few values, so many events
// are counted under "other".
func TestReconcileAgreesWithOracle(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{CardinalityLimit: 1})
	random := rand.New(rand.NewPCG(1, 2))
	for seed := range 8 {
		events := rapid.SliceOfN(eventGen(), 1, 60).Example(seed)
		keyID := newKey(t, db)
		if seed%3 == 0 {
			keyID = ""
		}
		write(t, w, ofKey(events, keyID)...)
		if seed%4 == 3 {
			require.NoError(t, postgres.Compact(t.Context(), db, time.Now().Add(2*time.Hour)))
		}
		tx, err := db.Pool().Begin(t.Context())
		require.NoError(t, err)
		require.True(t, requireSameAsOracle(t, tx).Equal())
		for range 2 {
			column := []string{"count", "errors", "duration_us", "payments", "agents", "services", "volume", "fees", "value", "seen"}[random.IntN(10)]
			damage := fmt.Sprintf(`UPDATE usage_counts SET %[1]s[1] = %[1]s[1] + 1 WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM usage_counts WHERE %[1]s[1] IS NOT NULL ORDER BY md5(ctid::text || %[2]d) LIMIT 2)`, column, seed)
			_, err = tx.Exec(t.Context(), damage)
			require.NoError(t, err)
			requireSameAsOracle(t, tx)
		}
		_, err = tx.Exec(t.Context(), `DELETE FROM audit_logs WHERE (key, time, id) IN (SELECT key, time, id FROM audit_logs ORDER BY md5(id::text || $1) LIMIT 3)`, fmt.Sprint(seed))
		require.NoError(t, err)
		require.False(t, requireSameAsOracle(t, tx).Equal())
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

// Agents that do not fit into memory are taken a part at a time, with the same outcome.
func TestReconcileTakesAgentsInParts(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	var events []usage.Event
	for n := range 200 {
		e := request(n)
		e.AgentID = fmt.Sprint("a", n%90)
		events = append(events, e)
	}
	write(t, w, events...)
	for _, most := range []int{7, 89, 90} {
		report, err := postgres.ReconcileWithAgents(t.Context(), db, most)
		require.NoError(t, err)
		require.True(t, report.Equal(), "%+v", report.Differences)
		require.Equal(t, []int64{200, 90}, []int64{report.Events, report.Agents})
	}
	_, err := db.Pool().Exec(t.Context(), `UPDATE usage_counts SET seen[50] = seen[50] + 1`)
	require.NoError(t, err)
	report, err := postgres.ReconcileWithAgents(t.Context(), db, 7)
	require.NoError(t, err)
	require.Equal(t, 2, report.Total)
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
		if p >= 0 {
			require.Equal(t, bucket, postgres.LatencySlot(p), "%d µs", p)
		}
	}
}
