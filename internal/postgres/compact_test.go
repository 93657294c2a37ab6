package postgres_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

const rowsPerPeriod = `SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM usage_counts WHERE key %s GROUP BY key, grain, vantage, bucket) AS x`

// Merging leaves one row to a period, and every sum as it was.
func TestCompactChangesNoSum(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	key := newKey(t, db)
	for n := range 12 {
		events := []usage.Event{request(2 * n), request(2*n + 1)}
		for i := range events {
			events[i].AgentID, events[i].ServiceID = string(rune('a'+n%5)), "svc"
			events[i].Payment = payment("0.333333333333333333", "EUR")
		}
		write(t, w, ofKey(events, key)...)
	}
	before := statisticsOf(t, db, key)
	require.Equal(t, "12", text(t, db, fmt.Sprintf(rowsPerPeriod, "< 0")))
	require.NoError(t, postgres.Compact(t.Context(), db, time.Now().Add(2*time.Hour)))
	require.Equal(t, "1", text(t, db, fmt.Sprintf(rowsPerPeriod, "< 0")))
	require.Equal(t, "1", text(t, db, fmt.Sprintf(rowsPerPeriod, "> 0")))
	require.Equal(t, "1", text(t, db, `SELECT count(*) FROM ingest_ledger`))
	require.Equal(t, "24", text(t, db, `SELECT count FROM ingest_ledger`))
	require.Equal(t, before, statisticsOf(t, db, key))
	requireEqualToRecount(t, db)

	write(t, w, ofKey([]usage.Event{request(100)}, key)...)
	requireEqualToRecount(t, db)
}

// Counts beyond what a column holds, and more cells and latencies than a row holds, stay exact.
func TestCompactOverflows(t *testing.T) {
	t.Parallel()
	x := newReadTest(t)
	_, key := x.register("ada@example.com", "live")
	for range 3 {
		x.insert(row{key: key, at: x.now, vantage: server, count: math.MaxInt32, errors: math.MaxInt32, payments: 5})
		x.insert(row{key: key, at: x.now, vantage: server, dimension: 1, value: "GET /a", count: 8000, latency: map[int]int{548: 8000, 0: 1}})
	}
	for n := range 300 {
		x.insert(row{key: key, at: x.now, vantage: server, dimension: 4, value: string(rune(0x4e00 + n)), count: 1})
	}
	require.NoError(t, postgres.Compact(t.Context(), x.db, x.now.Add(2*time.Hour)))
	require.Equal(t, "2", text(t, x.db, `SELECT count(*) FROM usage_counts WHERE key > 0`))
	require.Equal(t, "6442450941 6442450941 15", text(t, x.db, `SELECT format('%s %s %s', count, errors, payments) FROM usage_statistics WHERE dimension = 0`))
	require.Equal(t, "300 300", text(t, x.db, `SELECT format('%s %s', count(*), sum(count)) FROM usage_statistics WHERE dimension = 4`))
	require.Equal(t, "24000", text(t, x.db, `SELECT count FROM usage_latencies WHERE slot = 548`))
	require.Equal(t, "6442450941", text(t, x.db, `SELECT count FROM usage_cells WHERE key = -1 AND grain = 2 AND dimension = 9`))
}

// Writers go on while rows are merged, several at a time.
func TestCompactWhileWriting(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	key := newKey(t, db)
	var writers, compactors sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		compactors.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if err := postgres.Compact(t.Context(), db, time.Now().Add(2*time.Hour)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for worker := range 3 {
		writers.Go(func() {
			w := postgres.NewWriter(db, postgres.WriterConfig{})
			for n := range 40 {
				_, err := w.Write(t.Context(), &usage.Batch{Events: ofKey([]usage.Event{request(1000*worker + n)}, key)})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	compactors.Wait()
	require.Equal(t, "120", text(t, db, `SELECT sum(count) FROM usage_statistics WHERE dimension = 0`))
	require.Equal(t, "120", text(t, db, `SELECT sum(count) FROM ingest_ledger`))
	requireEqualToRecount(t, db)
}
