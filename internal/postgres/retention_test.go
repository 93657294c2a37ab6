package postgres_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

const day = 24 * time.Hour

// hasty keeps events for two days, so that most of the partitions of a new database are to be dropped.
func hasty(t *testing.T) (hasty, patient *postgres.DB, dsn string) {
	t.Helper()
	dsn = postgrestest.NewDSN(t)
	cfg := postgres.Config{DSN: dsn, Window: usage.Window{Past: day, Future: time.Hour}}
	cfg.Retention = postgres.Retention{Events: 2 * day, QuarterHours: 400 * day, Hours: 400 * day}
	return postgrestest.Open(t, cfg), postgrestest.Open(t, postgres.Config{DSN: dsn}), dsn
}

func TestRetentionIsChecked(t *testing.T) {
	t.Parallel()
	window := usage.Window{Past: 90 * day, Future: time.Hour}
	good := postgres.Retention{Events: 91 * day, QuarterHours: 400 * day, Hours: 400 * day}
	require.Empty(t, good.Check(window))
	require.Empty(t, postgres.DefaultRetention.Check(usage.DefaultWindow))
	require.Empty(t, postgres.DefaultRetention.Check(usage.Window{Past: 400 * day}), "the longest window that may be configured")
	for want, bad := range map[string]postgres.Retention{
		"`retention::events` must be at least 2184h":        {Events: 91*day - time.Minute, QuarterHours: 400 * day, Hours: 400 * day},
		"`retention::quarter_hours` must be at least 9600h": {Events: 91 * day, QuarterHours: 399 * day, Hours: 400 * day},
		"`retention::quarter_hours` must be at least 9624h": {Events: 401 * day, QuarterHours: 400 * day, Hours: 401 * day},
		"`retention::hours` must be at least 9624h":         {Events: 91 * day, QuarterHours: 401 * day, Hours: 400 * day},
	} {
		err := errors.Join(bad.Check(window)...)
		require.ErrorContains(t, err, want)
		_, err = postgres.Open(t.Context(), postgres.Config{DSN: "postgres://127.0.0.1:1/none", Window: window, Retention: bad})
		require.ErrorContains(t, err, want, "before anything is connected")
	}
}

func TestBorders(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) // a Tuesday
	f := func(events, quarters, hours time.Duration, want ...string) {
		t.Helper()
		var got []string
		for _, border := range postgres.BordersAt(now, postgres.Retention{Events: events, QuarterHours: quarters, Hours: hours}, usage.DefaultWindow) {
			got = append(got, border.Format("2006-01-02T15:04"))
		}
		require.Equal(t, want, got)
	}
	// 400 days before is Monday, 20 October 2025, 12:00
	f(400*day, 400*day, 800*day, "2025-10-20T00:00", "2025-10-20T00:00", "2024-09-15T00:00")
	// events go by the week, and what is not sealed is not rolled up
	f(401*day, 401*day, 401*day, "2025-10-13T00:00", "2025-10-13T00:00", "2025-10-13T00:00")
	f(100*day, 403*day, 404*day, "2026-08-10T00:00", "2025-10-17T00:00", "2025-10-16T00:00")
	// whatever was asked for, no event that is still accepted: 91 days before is Tuesday, 25 August 2026
	f(time.Hour, 400*day, 400*day, "2026-08-24T00:00", "2025-10-20T00:00", "2025-10-20T00:00")
}

// Sealing, dropping and starting again.
func TestEventsAreDropped(t *testing.T) {
	t.Parallel()
	hasty, patient, dsn := hasty(t)
	key, now := newKey(t, patient), time.Now()
	w := postgres.NewWriter(patient, postgres.WriterConfig{})
	old, young := request(1), request(2)
	old.KeyID, old.Time = key, now.Add(-30*day)
	young.KeyID, young.Time = key, now
	write(t, w, old, young)
	before := statisticsOf(t, patient, key)

	for range 2 { // the second time there is nothing to do
		require.NoError(t, postgres.DropEvents(t.Context(), hasty, now))
		require.Equal(t, "1", text(t, patient, `SELECT count(*) FROM audit_logs`))
		require.Equal(t, slices.DeleteFunc(slices.Clone(before), func(line string) bool { return line == "events 2" }),
			slices.DeleteFunc(statisticsOf(t, patient, key), func(line string) bool { return line == "events 1" }), "statistics stay")
		require.Equal(t, text(t, patient, `SELECT sealed_before FROM retention`), text(t, patient, `SELECT date_trunc('week', $1::timestamptz - interval '2 days', 'UTC')`, now))
		const oldest = `SELECT min(relname) FROM pg_class WHERE relname ~ '^audit_logs_\d' AND relkind = 'r'`
		require.Equal(t, text(t, patient, `SELECT to_char(sealed_before, '"audit_logs_"IYYY"w"IW') FROM retention`), text(t, patient, oldest),
			"the oldest week that is left is the first that is not sealed")
	}

	report, err := postgres.Reconcile(t.Context(), patient, postgres.ReconcileConfig{})
	require.NoError(t, err)
	require.True(t, report.Equal(), "%+v", report.Differences)
	require.EqualValues(t, 1, report.Events)
	require.EqualValues(t, 1, report.Sealed, "the day of the old event")
	report, err = postgres.Reconcile(t.Context(), patient, postgres.ReconcileConfig{From: now.Add(-60 * day), To: now.Add(-20 * day)})
	require.NoError(t, err)
	require.True(t, report.Equal())
	require.EqualValues(t, 0, report.Events)
	require.EqualValues(t, 1, report.Sealed)

	// What was dropped does not come back: the event would count twice.
	again := postgrestest.Open(t, postgres.Config{DSN: dsn})
	require.NoError(t, postgres.CreatePartitions(t.Context(), patient, now))
	for _, db := range []*postgres.DB{again, patient} {
		receipt := write(t, postgres.NewWriter(db, postgres.WriterConfig{}), old)
		require.Equal(t, usage.Receipt{Rejected: 1}, receipt)
	}
	_, err = postgres.Open(t.Context(), postgres.Config{DSN: dsn, Retention: postgres.DefaultRetention})
	require.ErrorContains(t, err, "`accepted_window::past` of 2160h0m0s reaches back to "+now.Add(-90*day).UTC().Format(time.DateOnly))
	require.ErrorContains(t, err, "would count twice")
}

// The longest part of dropping is to wait for those who read. Writers do not wait with it.
func TestWritersDoNotWaitForDropping(t *testing.T) {
	t.Parallel()
	hasty, patient, _ := hasty(t)
	now := time.Now()
	w := postgres.NewWriter(patient, postgres.WriterConfig{})
	old := request(1)
	old.Time = now.Add(-30 * day)
	write(t, w, old)

	reader, err := patient.Pool().BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(t.Context()) }()
	sealed, err := postgres.SealedBefore(t.Context(), reader) // what reconcile begins with
	require.NoError(t, err)
	require.Equal(t, 2000, sealed.UTC().Year())

	dropped := make(chan error, 1)
	go func() { dropped <- postgres.DropEvents(t.Context(), hasty, now) }()
	n := 2
	for waiting := false; !waiting; n++ { // written all the while, and once at least while it waits
		waiting = text(t, patient, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'ALTER TABLE audit_logs DETACH%' AND wait_event_type = 'Lock'`) == "1"
		e := request(n)
		e.Time = now
		write(t, w, e)
	}
	require.NoError(t, postgres.CreatePartitions(t.Context(), hasty, now.Add(28*day)), "creating does not wait either")
	require.ErrorContains(t, <-dropped, "55P03", "its patience has ended")
	require.Equal(t, "1", text(t, patient, `SELECT count(*) FROM pg_inherits WHERE inhdetachpending`))
	var seen int
	require.NoError(t, reader.QueryRow(t.Context(), `SELECT count(*) FROM audit_logs WHERE time < $1`, now.Add(-20*day)).Scan(&seen))
	require.Equal(t, 1, seen, "whoever began before the days were sealed sees them whole")

	require.Error(t, postgres.DropEvents(t.Context(), hasty, now), "still read")
	require.NoError(t, reader.Rollback(t.Context()))
	require.NoError(t, postgres.DropEvents(t.Context(), hasty, now))
	require.Equal(t, "0", text(t, patient, `SELECT count(*) FROM pg_inherits WHERE inhdetachpending`))
	require.Equal(t, "0", text(t, patient, `SELECT count(*) FROM audit_logs WHERE time < $1`, now.Add(-20*day)))
	require.Equal(t, text(t, patient, `SELECT $1::int`, n-2), text(t, patient, `SELECT count(*) FROM audit_logs`))
	requireEqualToRecount(t, patient)
}

// A job may end between any two of its steps.
func TestDroppingIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	hasty, patient, _ := hasty(t)
	name := text(t, patient, `SELECT min(relname) FROM pg_class WHERE relname ~ '^audit_logs_\d' AND relkind = 'r'`)
	_, err := patient.Pool().Exec(t.Context(), `ALTER TABLE audit_logs DETACH PARTITION `+name)
	require.NoError(t, err)
	_, err = patient.Pool().Exec(t.Context(), `CREATE TABLE audit_logs_2020w99 (); CREATE TABLE audit_logs_copy ()`)
	require.NoError(t, err)
	require.NoError(t, postgres.DropEvents(t.Context(), hasty, time.Now()))
	require.Equal(t, "audit_logs_2020w99 audit_logs_copy", text(t, patient, `SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
		WHERE relname IN ('audit_logs_2020w99', 'audit_logs_copy', $1)`, name), "what is no week of ours is left alone")
}

// Tables without partitions lose their old rows.
func TestOldRowsAreDeleted(t *testing.T) {
	t.Parallel()
	hasty, patient, _ := hasty(t)
	now := time.Now()
	require.NoError(t, postgres.DropEvents(t.Context(), hasty, now)) // seals
	exec := func(sql string, args ...any) {
		_, err := patient.Pool().Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	// Two days of window and slack; two days of events; 400 days of hours; each with a row a minute before and after.
	ages := func(d time.Duration) []time.Time {
		return []time.Time{now.Add(-d - time.Minute), now.Add(-d + time.Minute)}
	}
	exec(`INSERT INTO undated_events (received, id, key) SELECT t, gen_random_uuid(), 0 FROM unnest($1::timestamptz[]) AS t`, ages(2*day))
	exec(`INSERT INTO quarantine (received_at, key, reason, detail, record) SELECT t, 0, '', '', '' FROM unnest($1::timestamptz[]) AS t`, ages(2*day))
	exec(`INSERT INTO reported_totals SELECT t, t, gen_random_uuid(), 0, '', '', '{}', 0, 0 FROM unnest($1::timestamptz[]) AS t`, ages(2*day))
	exec(`INSERT INTO refused_calls SELECT t, '10.0.0.0/24', '', '', 1 FROM unnest($1::timestamptz[]) AS t`, ages(2*day))
	exec(`INSERT INTO ingest_ledger SELECT t, 0, 'stored', 1 FROM unnest($1::timestamptz[]) AS t`, ages(400*day))
	exec(`INSERT INTO admissions SELECT (sealed_before AT TIME ZONE 'UTC')::date + n, 0, '{}' FROM retention, generate_series(-1, 0) AS n`)
	exec(`INSERT INTO allowances DEFAULT VALUES`)
	exec(`INSERT INTO allowance_hours SELECT a.seq, t, 1, 1 FROM allowances a, unnest($1::timestamptz[]) AS t`, ages(2*day))
	exec(`INSERT INTO undated_events (received, id, key) SELECT $1::timestamptz - interval '1 year', gen_random_uuid(), 0 FROM generate_series(1, 25000)`, now)
	require.NoError(t, postgres.DeleteExpired(t.Context(), hasty, now))
	for _, table := range []string{"undated_events", "quarantine", "reported_totals", "refused_calls", "ingest_ledger", "admissions", "allowance_hours"} {
		require.Equal(t, "1", text(t, patient, `SELECT count(*) FROM `+table), table)
	}
}
