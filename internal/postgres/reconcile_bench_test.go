package postgres_test

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// recountedEvents is how many events BenchmarkReconcile writes first, unless the variable says otherwise.
const (
	recountedEvents         = 2_000_000
	recountedEventsVariable = "MIRRORBALL_BENCH_EVENTS"
)

// Reading all events once, whole, in binary form over one connection, is the yardstick.
func BenchmarkReconcile(b *testing.B) {
	events := recountedEvents
	if text := os.Getenv(recountedEventsVariable); text != "" {
		var err error
		events, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	db := postgrestest.New(b)
	fill(b, db, events)
	_, err := db.Pool().Exec(b.Context(), `VACUUM ANALYZE`) // as autovacuum does before long
	require.NoError(b, err)
	b.Run("recount", func(b *testing.B) {
		total := int64(0)
		for b.Loop() {
			report, err := postgres.Reconcile(b.Context(), db, postgres.ReconcileConfig{})
			require.NoError(b, err)
			require.Zero(b, report.Total, "%+v", report.Differences)
			require.GreaterOrEqual(b, report.Events, int64(events))
			total += report.Events
		}
		b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("copy", func(b *testing.B) {
		conn, err := db.Pool().Acquire(b.Context())
		require.NoError(b, err)
		defer conn.Release()
		total := int64(0)
		for b.Loop() {
			tag, err := conn.Conn().PgConn().CopyTo(b.Context(), io.Discard, `COPY (SELECT * FROM audit_logs) TO STDOUT (FORMAT binary)`)
			require.NoError(b, err)
			total += tag.RowsAffected()
		}
		b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
	})
}

// fill writes events as a busy platform sends them; see benchBatch.
func fill(b *testing.B, db *postgres.DB, events int) {
	b.Helper()
	keys := make([]string, 150)
	for i := range keys {
		keys[i] = newKey(b, db)
	}
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	for n := 0; n*batchSize < events; n++ {
		r, err := w.Write(b.Context(), &usage.Batch{Events: benchBatch(keys, n)})
		require.NoError(b, err)
		require.Equal(b, batchSize, r.Stored, fmt.Sprint("batch ", n))
	}
}
