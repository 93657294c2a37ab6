package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// booked is a database in which a customer has sent three calls, one of them twice, two metrics and one bad record, and the
// platform four calls that were made with the customer's key, one that nobody's key was named for, and one metric of the
// customer's.
func booked(t *testing.T) (db *postgres.DB, customer, platform string) {
	t.Helper()
	db = postgrestest.New(t)
	customer, platform = newCustomer(t, db), newKey(t, db)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	var own, seen []usage.Event
	for n := range 8 {
		e := request(n)
		if n < 3 {
			e.KeyID, e.ReporterID, e.Vantage, e.Trusted = customer, customer, usage.VantageClient, false
			own = append(own, e)
			continue
		}
		e.KeyID, e.ReporterID = customer, platform
		if n == 7 {
			e.KeyID = ""
		}
		seen = append(seen, e)
	}
	metric := func(n byte, reporter string) usage.ReportedTotal {
		return usage.ReportedTotal{KeyID: customer, ReporterID: reporter, Stream: usage.ID{n}, Name: "calls", Start: noon, Time: noon, Value: 1}
	}
	bad := usage.Rejection{ReporterID: customer, Reason: usage.ReasonTooOld, Count: 1, Record: "{}"}
	for _, b := range []usage.Batch{
		{Events: own, Totals: []usage.ReportedTotal{metric(1, customer), metric(2, customer)}, Rejections: []usage.Rejection{bad}},
		{Events: own[:1]},
		{Events: seen, Totals: []usage.ReportedTotal{metric(3, platform)}},
	} {
		_, err := w.Write(t.Context(), &b)
		require.NoError(t, err)
	}
	return db, customer, platform
}

// counted is what reconcile has to say of it: 3 + 2 + 1 of the customer and 5 + 1 of the platform, and what came again.
var counted = postgres.LedgerReport{
	Received: 13, Stored: 11, Repeated: 1, Rejected: map[string]int64{"too_old": 1}, Events: 8, Totals: 3, Differences: []postgres.LedgerDifference{},
}

// The keys of that database.
const (
	customerKey = `SELECT seq FROM api_keys WHERE user_seq IS NOT NULL AND NOT 'telemetry:write_any' = ANY (scopes)`
	platformKey = `SELECT seq FROM api_keys WHERE user_seq IS NOT NULL AND 'telemetry:write_any' = ANY (scopes)`
)

// Whatever is changed by hand, in the ledger or in what it counts, is found and said to be whose it is.
func TestReconcileComparesTheLedger(t *testing.T) {
	t.Parallel()
	db, customer, platform := booked(t)
	report := requireEqualToRecount(t, db)
	require.True(t, report.Equal())
	require.Equal(t, &counted, report.Ledger)

	type difference = postgres.LedgerDifference
	every := func(booked, found int64) difference {
		return difference{Key: "every key", Outcome: "stored", Booked: booked, Found: found}
	}
	for name, tt := range map[string]struct {
		sql  string
		want []difference
	}{
		"More booked of a customer": {
			`UPDATE ingest_ledger SET count = count + 1 WHERE outcome = 'stored' AND key = (` + customerKey + `)`,
			[]difference{every(12, 11), {Key: customer, Outcome: "stored", Booked: 6, Found: 5}},
		},
		"Less booked of the platform": {
			`UPDATE ingest_ledger SET count = count - 1 WHERE outcome = 'stored' AND key = (` + platformKey + `)`,
			[]difference{every(10, 11)},
		},
		"Booked for another": {
			`UPDATE ingest_ledger SET key = (` + platformKey + `) WHERE outcome = 'stored' AND key = (` + customerKey + `)`,
			[]difference{{Key: customer, Outcome: "stored", Booked: 0, Found: 5}},
		},
		"A customer's own call is gone": {
			`DELETE FROM audit_logs WHERE flags & 2 = 0 AND time = (SELECT min(time) FROM audit_logs)`,
			[]difference{every(11, 10), {Key: customer, Outcome: "stored", Booked: 5, Found: 4}},
		},
		"A call that the platform saw is gone": {
			`DELETE FROM audit_logs WHERE key = 0`,
			[]difference{every(11, 10)},
		},
		"A call was put in by hand": {
			`INSERT INTO audit_logs (time, id, key, duration_us, status, flags) SELECT time, gen_random_uuid(), key, 1, 200, flags FROM audit_logs WHERE flags & 2 = 0 LIMIT 1`,
			[]difference{every(11, 12), {Key: customer, Outcome: "stored", Booked: 5, Found: 6}},
		},
		"A metric is gone": {
			`DELETE FROM reported_totals WHERE stream::text LIKE '01%'`,
			[]difference{every(11, 10), {Key: customer, Outcome: "stored", Booked: 5, Found: 4}},
		},
		"A refusal is not booked": {
			`DELETE FROM ingest_ledger WHERE outcome = 'too_old'`,
			[]difference{{Key: customer, Outcome: "too_old", Booked: 0, Found: 1, AtLeast: true}},
		},
		"The ledger is gone": {
			`DELETE FROM ingest_ledger`,
			[]difference{every(0, 11), {Key: customer, Outcome: "stored", Found: 5}, {Key: platform, Outcome: "stored", Found: 1, AtLeast: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := db.Pool().Begin(t.Context())
			require.NoError(t, err)
			defer func() { _ = tx.Rollback(t.Context()) }()
			tag, err := tx.Exec(t.Context(), tt.sql)
			require.NoError(t, err)
			require.NotZero(t, tag.RowsAffected())
			report, err := postgres.ReconcileIn(t.Context(), tx)
			require.NoError(t, err)
			require.False(t, report.Equal())
			require.Equal(t, len(tt.want), report.Ledger.Total)
			require.Equal(t, tt.want, report.Ledger.Differences)
		})
	}
}

// A key that once might report for others, and may no longer, has not booked too much.
func TestLedgerOfAKeyThatLostItsScope(t *testing.T) {
	t.Parallel()
	db, _, platform := booked(t)
	exec := func(sql string) {
		_, err := db.Pool().Exec(t.Context(), sql, platform)
		require.NoError(t, err)
	}
	exec(`UPDATE api_keys SET scopes = '{}' WHERE id = $1`)
	report := requireEqualToRecount(t, db)
	require.Equal(t, []postgres.LedgerDifference{{Key: platform, Outcome: "stored", Booked: 6, Found: 1}}, report.Ledger.Differences, "the trail knows of no change")
	exec(`INSERT INTO admin_trail (actor, action, target, details) VALUES ('operator', 'key.change', $1, '{"scopes": []}')`)
	require.True(t, requireEqualToRecount(t, db).Equal())
}

// What retention drops stays counted: events, metrics and the ledger itself.
func TestLedgerAfterRetention(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.NewDSN(t)
	window := usage.Window{Past: day, Future: time.Hour}
	hasty := postgrestest.Open(t, postgres.Config{DSN: dsn, Window: window, Retention: postgres.Retention{Events: 2 * day, QuarterHours: 400 * day, Hours: 400 * day}})
	db := postgrestest.Open(t, postgres.Config{DSN: dsn})
	customer, platform, now := newCustomer(t, db), newKey(t, db), time.Now()
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	for n := range 6 { // one of this week, five of others; every other one is the customer's own
		e := request(n)
		e.KeyID, e.ReporterID, e.Time = customer, platform, now.AddDate(0, 0, -20*((n+1)/2))
		if n%2 == 0 {
			e.Vantage, e.ReporterID, e.Trusted = usage.VantageClient, customer, false
		}
		_, err := w.Write(t.Context(), &usage.Batch{Events: []usage.Event{e}, Totals: []usage.ReportedTotal{
			{KeyID: customer, ReporterID: customer, Stream: usage.ID{byte(n)}, Name: "calls", Start: e.Time, Time: e.Time, Value: 1},
		}})
		require.NoError(t, err)
	}
	want := postgres.LedgerReport{Received: 12, Stored: 12, Rejected: map[string]int64{}, Events: 6, Totals: 6, Differences: []postgres.LedgerDifference{}}
	require.Equal(t, &want, requireEqualToRecount(t, db).Ledger)

	want.SealedEvents = 5
	for range 2 { // the second time there is nothing to do
		require.NoError(t, postgres.DropEvents(t.Context(), hasty, now))
		require.NoError(t, postgres.DeleteExpired(t.Context(), hasty, now))
		require.Equal(t, "1 1", text(t, db, `SELECT (SELECT count(*) FROM audit_logs) || ' ' || (SELECT count(*) FROM reported_totals)`))
		require.Equal(t, &want, requireEqualToRecount(t, db).Ledger)
	}
	require.NoError(t, postgres.DeleteExpired(t.Context(), hasty, now.Add(401*day)))
	require.Equal(t, "0 0", text(t, db, `SELECT (SELECT count(*) FROM ingest_ledger) || ' ' || (SELECT count(*) FROM reported_totals)`))
	require.Equal(t, &want, requireEqualToRecount(t, db).Ledger)

	_, err := db.Pool().Exec(t.Context(), `UPDATE brought_forward SET events = events - 1 WHERE events > 0`)
	require.NoError(t, err)
	require.Equal(t, []postgres.LedgerDifference{
		{Key: "every key", Outcome: "stored", Booked: 12, Found: 11}, {Key: customer, Outcome: "stored", Booked: 9, Found: 8},
	}, requireEqualToRecount(t, db).Ledger.Differences)
}

// Only all of the ledger can be compared: it is by the hour of receipt.
func TestLedgerOfSomeDaysIsNotCompared(t *testing.T) {
	t.Parallel()
	db, _, _ := booked(t)
	report, err := postgres.Reconcile(t.Context(), db, postgres.ReconcileConfig{From: noon})
	require.NoError(t, err)
	require.Nil(t, report.Ledger)
	require.True(t, report.Equal())
}
