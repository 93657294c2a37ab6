package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Records that Postgres cannot take do not take their batch with them.
func TestBadRecordsAreIsolated(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	var batch usage.Batch
	for n := range 200 {
		batch.Events = append(batch.Events, request(n))
	}
	write(t, w, batch.Events[50], batch.Events[150]) // there already
	batch.Events[7].AgentID = "nul\x00byte"
	batch.Events[99].Attributes = map[string]string{"nul": "\x00"}
	batch.Events[100].AgentID = "\xff"
	batch.Events[180].UserAgent = "\xff"                  // a dictionary value
	batch.Events[181].Route = strings.Repeat("/x", 1<<16) // larger than an index takes
	batch.Totals = []usage.ReportedTotal{
		{Stream: usage.NamedID('m', "good"), Name: "good", Start: noon, Time: noon},
		{Stream: usage.NamedID('m', "bad"), Name: "\xff", Start: noon, Time: noon},
	}
	r, err := w.Write(t.Context(), &batch)
	require.NoError(t, err)
	require.Equal(t, usage.Receipt{Stored: 193 + 1, Repeated: 2, Rejected: 6}, r)
	require.Equal(t, "6", text(t, db, `SELECT count(*) FROM quarantine WHERE reason = 'unstorable'`))
	require.Equal(t, "6", text(t, db, `SELECT sum(count) FROM ingest_ledger WHERE outcome = 'unstorable'`))
	requireEqualToRecount(t, db)
}

// The ledger adds up to what was received, and quarantine is bounded.
func TestLedgerAddsUp(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	key := newKey(t, db)
	batch := usage.Batch{Notes: []usage.Rejection{{ReporterID: key, Reason: usage.ReasonBadPayment, Count: 1}}}
	for n := range 1100 {
		batch.Rejections = append(batch.Rejections, usage.Rejection{ReporterID: key, Reason: usage.ReasonTooOld, Count: 1, Detail: "bad \x00", Record: fmt.Sprint(n)})
	}
	for n := range 10 {
		batch.Events = append(batch.Events, request(n))
		batch.Totals = append(batch.Totals, usage.ReportedTotal{KeyID: key, Stream: usage.NamedID('m', fmt.Sprint(n%5)), Name: "m", Start: noon, Time: noon, Value: 1})
	}
	received := 0
	for range 2 {
		r, err := w.Write(t.Context(), &batch)
		require.NoError(t, err)
		require.Equal(t, batch.Len(), r.Stored+r.Repeated+r.Rejected)
		received += batch.Len()
	}
	require.Equal(t, fmt.Sprint(received), text(t, db, `SELECT sum(count) FROM ingest_ledger WHERE outcome NOT LIKE 'note:%'`))
	require.Equal(t, "2", text(t, db, `SELECT sum(count) FROM ingest_ledger WHERE outcome = 'note:bad_payment'`))
	require.Equal(t, "5", text(t, db, `SELECT count(*) FROM reported_totals`))
	require.Equal(t, "1000", text(t, db, `SELECT count(*) FROM quarantine`))
}

// An event for which there is no partition is rejected with a reason, and the rest stored.
func TestEventsOutsidePartitions(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	old, future := request(1), request(2)
	old.Time, future.Time = time.Unix(0, 0), time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, usage.Receipt{Stored: 1, Rejected: 2}, write(t, w, old, future, request(3)))
	require.Equal(t, "1", text(t, db, `SELECT count FROM ingest_ledger WHERE outcome = 'too_old'`))
	require.Equal(t, "1", text(t, db, `SELECT count FROM ingest_ledger WHERE outcome = 'in_future'`))
}

// Another transaction in the way is no error: the writer tries again.
func TestBusyIsRetried(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"40001", "40P01"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.New(t)
			_, err := db.Pool().Exec(t.Context(), fmt.Sprintf(`
				CREATE SEQUENCE tries;
				CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					IF nextval('tries') <= 3 THEN RAISE EXCEPTION 'in the way' USING ERRCODE = '%s'; END IF;
					RETURN NEW;
				END $$;
				CREATE TRIGGER stumble BEFORE INSERT ON ingest_ledger FOR EACH ROW EXECUTE FUNCTION stumble()`, state))
			require.NoError(t, err)
			w := postgres.NewWriter(db, postgres.WriterConfig{})
			require.Equal(t, usage.Receipt{Stored: 1}, write(t, w, request(1)))
			require.Equal(t, "4", text(t, db, `SELECT last_value FROM tries`))
			requireEqualToRecount(t, db)
		})
	}
}

// An undated event has another time at each receipt, and is one event all the same.
func TestUndatedTwice(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	first := request(1)
	first.Undated = true
	second := first
	second.Time = first.Time.Add(time.Hour)
	require.Equal(t, usage.Receipt{Stored: 1, Repeated: 1}, write(t, w, first, second))
	require.Equal(t, usage.Receipt{Repeated: 1}, write(t, w, second))
	requireEqualToRecount(t, db)
}

// Beyond the limit values are counted under other, sums stay whole, and the event keeps what it said.
func TestCardinalityCap(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{CardinalityLimit: 3})
	var events []usage.Event
	for n := range 10 {
		e := request(n)
		e.Route = fmt.Sprint("/r", n)
		events = append(events, e)
		c := request(100 + n)
		c.Kind, c.Vantage, c.Method, c.Route, c.Name = usage.KindCustom, usage.VantageNone, "", "", fmt.Sprint("n", n)
		if n == 9 { // beyond the limit, and yet what it is
			c.Name, c.Payment = "disco.payment.completed", payment("5", "EUR")
		}
		events = append(events, c)
	}
	for _, half := range [][]usage.Event{events[:10], events[10:]} {
		write(t, postgres.NewWriter(db, postgres.WriterConfig{CardinalityLimit: 3}), half...)
	}
	require.Equal(t, usage.Receipt{Repeated: 20}, write(t, w, events...))
	require.Equal(t, "4", text(t, db, `SELECT count(*) FROM usage_statistics WHERE dimension = 1`))
	require.Equal(t, "10", text(t, db, `SELECT sum(count) FROM usage_statistics WHERE dimension = 1`))
	require.Equal(t, "7", text(t, db, `SELECT count FROM usage_statistics s JOIN dictionary d ON d.id = s.value WHERE dimension = 1 AND d.value = 'other'`))
	require.Equal(t, "7", text(t, db, `SELECT count(*) FROM audit_logs WHERE details #>> '{uncapped,endpoint}' LIKE 'POST /r%'`))
	require.Equal(t, "5", text(t, db, `SELECT volume FROM usage_statistics WHERE dimension = 7`))
	require.Equal(t, "3", text(t, db, `SELECT count(*) FROM dictionary WHERE domain = 1`), "what is never told apart takes no room")
	requireEqualToRecount(t, db)
}

// An undated event that comes again with other values is not stored, and cannot grow the dictionary for ever either.
func TestRepeatsUseAllowances(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{CardinalityLimit: 3})
	for n := range 10 {
		e := request(1)
		e.Undated, e.Route = true, fmt.Sprint("/r", n)
		require.Equal(t, usage.Receipt{Stored: 1 - min(n, 1), Repeated: min(n, 1)}, write(t, w, e))
	}
	require.Equal(t, "3", text(t, db, `SELECT count(*) FROM dictionary WHERE domain = 1`))
	requireEqualToRecount(t, db)
}

// Errors name no values, statements or hosts.
func TestErrorsAreDiscreet(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), postgres.Config{DSN: "postgres://secretuser:secretword@127.0.0.1:1/secretdb"})
	require.ErrorIs(t, err, postgres.ErrUnreachable)
	require.True(t, postgres.IsTransient(err))
	require.NotContains(t, err.Error(), "secret")
	_, err = postgres.Open(t.Context(), postgres.Config{DSN: "postgres://secretuser:secretword@host:port/"})
	require.ErrorContains(t, err, "`dsn`")
	require.NotContains(t, err.Error(), "secret")

	db := postgrestest.New(t)
	_, err = db.Pool().Exec(t.Context(), `ALTER TABLE ingest_ledger ADD CONSTRAINT secret CHECK (outcome <> 'stored')`)
	require.NoError(t, err)
	e := request(1)
	e.AgentID = "secret agent"
	_, err = postgres.NewWriter(db, postgres.WriterConfig{}).Write(t.Context(), &usage.Batch{Events: []usage.Event{e}})
	require.ErrorContains(t, err, "23514")
	require.NotContains(t, err.Error(), "secret")
	require.Equal(t, "0", text(t, db, `SELECT count(*) FROM audit_logs`), "nothing of a failed batch is stored")
}

// Connections are cut at any moment, COMMIT included. A writer that tries again until it is told that the batch is stored
// loses nothing and counts nothing twice.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	const size, cuts = 50, 20
	enough := make(chan struct{})
	written := make(chan int64)
	go func() {
		n := 0
		defer func() { written <- int64(n * size) }()
		for ; ; n++ {
			select {
			case <-enough:
				return
			default:
			}
			batch := &usage.Batch{}
			for i := range size {
				batch.Events = append(batch.Events, request(n*size+i))
			}
			for {
				_, err := w.Write(t.Context(), batch)
				if err == nil || t.Context().Err() != nil {
					break
				}
				if usage.IsPermanent(err) {
					t.Errorf("a cut connection is no permanent error: %v", err)
					return
				}
			}
		}
	}()
	conn, err := pgx.ConnectConfig(t.Context(), db.Pool().Config().ConnConfig)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	for cut := 0; cut < cuts; {
		tag, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.4`)
		require.NoError(t, err)
		cut += int(tag.RowsAffected())
		<-time.After(8 * time.Millisecond) // the writer gets somewhere between two cuts
	}
	close(enough)
	stored := <-written
	report := requireEqualToRecount(t, db)
	require.Equal(t, stored, report.Events)
	require.Positive(t, stored)
}
