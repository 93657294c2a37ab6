package postgres_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func batchOf(from, to int) *usage.Batch {
	b := &usage.Batch{}
	for n := from; n < to; n++ {
		b.Events = append(b.Events, request(n))
	}
	return b
}

// rows are how many events are stored, what the statistics count, and what the ledger calls stored and repeated.
func rows(t *testing.T, db *postgres.DB) string {
	return text(t, db, `SELECT format('%s %s %s %s', (SELECT count(*) FROM audit_logs), (SELECT sum(count) FROM usage_statistics WHERE dimension = 0),
		(SELECT coalesce(sum(count), 0) FROM ingest_ledger WHERE outcome = 'stored'), (SELECT coalesce(sum(count), 0) FROM ingest_ledger WHERE outcome = 'repeated'))`)
}

// Batches that come again, alone or among new ones, whole, cut or with one more event, are counted once and booked as repeated.
func TestBatchesThatComeAgain(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	for _, step := range []struct {
		batches []*usage.Batch
		want    usage.Receipt
		rows    string
	}{
		{[]*usage.Batch{batchOf(0, 10), batchOf(10, 20), {}}, usage.Receipt{Stored: 20}, "20 20 20 0"},
		{[]*usage.Batch{batchOf(10, 20)}, usage.Receipt{Repeated: 10}, "20 20 20 10"},
		{[]*usage.Batch{batchOf(20, 30), batchOf(0, 10), batchOf(10, 20)}, usage.Receipt{Stored: 10, Repeated: 20}, "30 30 30 30"},
		{[]*usage.Batch{batchOf(0, 5), batchOf(30, 32)}, usage.Receipt{Stored: 2, Repeated: 5}, "32 32 32 35"},
		{[]*usage.Batch{batchOf(25, 35)}, usage.Receipt{Stored: 3, Repeated: 7}, "35 35 35 42"},
		{[]*usage.Batch{batchOf(25, 35), batchOf(20, 30), batchOf(40, 41), batchOf(40, 41)}, usage.Receipt{Stored: 1, Repeated: 21}, "36 36 36 63"},
	} {
		receipt, err := w.Write(t.Context(), step.batches...)
		require.NoError(t, err)
		require.Equal(t, step.want, receipt)
		require.Equal(t, step.rows, rows(t, db))
	}
	requireEqualToRecount(t, db)
}

// What refused records a repeated batch brings is counted once more, as the contract of the writer has it.
func TestRefusedRecordsOfABatchThatComesAgain(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	for _, want := range []usage.Receipt{{Stored: 2, Rejected: 3}, {Repeated: 2, Rejected: 3}, {Repeated: 2, Rejected: 3}} {
		b := batchOf(0, 2)
		b.Rejections = []usage.Rejection{{Reason: usage.ReasonNotUsage, Count: 3}}
		receipt, err := w.Write(t.Context(), b)
		require.NoError(t, err)
		require.Equal(t, want, receipt)
	}
	require.Equal(t, "9", text(t, db, `SELECT sum(count) FROM ingest_ledger WHERE outcome = 'not_usage'`))
}

// A batch of which an event is refused is no stored one: the event is refused each time.
func TestABatchWithARefusedEventIsNotRecognised(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	for _, want := range []usage.Receipt{{Stored: 2, Rejected: 1}, {Repeated: 2, Rejected: 1}, {Repeated: 2, Rejected: 1}} {
		b := batchOf(0, 3)
		b.Events[1].Time = noon.AddDate(-9, 0, 0) // no partition reaches back so far
		receipt, err := w.Write(t.Context(), b)
		require.NoError(t, err)
		require.Equal(t, want, receipt)
	}
}

// To remember that a batch was committed is no proof that it is there: a server that lost it, as a standby that takes over may
// have, gets it again.
func TestWhatTheServerLostIsStoredAgain(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	_, err := w.Write(t.Context(), batchOf(0, 10), batchOf(10, 20))
	require.NoError(t, err)
	_, err = db.Pool().Exec(t.Context(), `TRUNCATE audit_logs, usage_counts, ingest_ledger`)
	require.NoError(t, err)
	receipt, err := w.Write(t.Context(), batchOf(0, 10), batchOf(10, 20))
	require.NoError(t, err)
	require.Equal(t, usage.Receipt{Stored: 20}, receipt)
	require.Equal(t, "20 20 20 0", rows(t, db))
}

// One batch, sent again and again with other values, does not grow the dictionary.
func TestRepeatedBatchesAddNoValues(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	_, err := w.Write(t.Context(), batchOf(0, 3))
	require.NoError(t, err)
	before := text(t, db, `SELECT count(*) FROM dictionary`)
	for n := range 5 {
		b := batchOf(0, 3)
		for i := range b.Events {
			b.Events[i].Route, b.Events[i].Status = fmt.Sprintf("/other/%d", n), 500
		}
		receipt, err := w.Write(t.Context(), b)
		require.NoError(t, err)
		require.Equal(t, usage.Receipt{Repeated: 3}, receipt)
	}
	require.Equal(t, before, text(t, db, `SELECT count(*) FROM dictionary`))
	requireEqualToRecount(t, db)
}
