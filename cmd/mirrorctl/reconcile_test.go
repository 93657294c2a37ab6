package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func TestReconcile(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	dsn := postgrestest.NewDSN(t)
	data := dataFolder(t, dsn)
	db := postgrestest.Open(t, postgres.Config{DSN: dsn})
	at := time.Now().UTC().Truncate(time.Hour)
	events := make([]usage.Event, 3)
	for i := range events {
		events[i] = usage.Event{
			ID: usage.ID{byte(i + 1)}, Kind: usage.KindRequest, Vantage: usage.VantageServer, Trusted: true, Time: at,
			Method: "GET", Route: "/payments/{id}", Status: 200, Duration: time.Millisecond,
		}
	}
	_, err := postgres.NewWriter(db, postgres.WriterConfig{}).Write(t.Context(), &usage.Batch{Events: events})
	require.NoError(t, err)

	got := mirrorctl("reconcile", "--data", data)
	require.Equal(t, 0, got.code, "%v", got)
	require.True(t, strings.HasPrefix(got.stdout, "equal: 3 events, "), got.stdout)

	const ledger = "ledger equal: 3 received = 3 stored + 0 repeated + 0 rejected; 3 stored = 3 events (0 of sealed days) + 0 reported totals\n"
	require.True(t, strings.HasSuffix(got.stdout, "\n"+ledger), got.stdout)

	_, err = db.Pool().Exec(t.Context(), `UPDATE usage_counts SET count[array_position(dimension, 0::smallint)] = 4 WHERE key >= 0`)
	require.NoError(t, err)
	got = mirrorctl("reconcile", "--data", data)
	require.Equal(t, exitFailed, got.code)
	require.Empty(t, got.stderr)
	require.Regexp(t, at.Format("2006-01-02T15:04Z")+` +- +server +total +- +count +4 +3\n`, got.stdout)
	require.Contains(t, got.stdout, "different: 1 figures (1 shown), 3 events")

	got = mirrorctl("reconcile", "--data", data, "--json")
	require.Equal(t, exitFailed, got.code)
	var report map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &report))
	require.Equal(t, []any{3.0, 1.0, 0.0}, []any{report["events"], report["different"], report["sealed_days"]})
	require.Equal(t, []any{map[string]any{
		"key": "", "bucket": at.Format(time.RFC3339), "vantage": 1.0, "dimension": "total", "value": "", "column": "count", "stored": "4", "counted": "3",
	}}, report["differences"])

	tomorrow := at.AddDate(0, 0, 1).Format(time.DateOnly)
	require.Equal(t, 0, mirrorctl("reconcile", "--data", data, "--from", tomorrow).code)
	require.Equal(t, exitCouldNot, mirrorctl("reconcile", "--data", data, "--from", "1.3.2026").code)
	require.Equal(t, exitCouldNot, mirrorctl("reconcile", "--data", data, "--bogus").code)
	got = mirrorctl("reconcile", "--data", data, "--max", "0")
	require.Equal(t, exitCouldNot, got.code)
	require.Contains(t, got.stderr, "--max is 0: it must be at least 1")

	got = mirrorctl("reconcile", "--data", data, "--repair", "--from", tomorrow)
	require.Equal(t, 0, got.code)
	require.True(t, strings.HasPrefix(got.stdout, "equal: 0 events"), got.stdout)
	got = mirrorctl("reconcile", "--data", data, "--repair")
	require.Equal(t, 0, got.code, "%v", got)
	require.Regexp(t, at.Format("2006-01-02T15:04Z")+` +- +server +total +- +count +4 +3\n`, got.stdout)
	require.Contains(t, got.stdout, "repaired: 1 figures (1 shown), 3 events")
	got = mirrorctl("reconcile", "--data", data)
	require.Equal(t, 0, got.code, "%v", got)
	require.True(t, strings.HasPrefix(got.stdout, "equal: 3 events, "), got.stdout)
}

func TestReconcileTheLedger(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	dsn := postgrestest.NewDSN(t)
	data := dataFolder(t, dsn)
	db := postgrestest.Open(t, postgres.Config{DSN: dsn})
	events := make([]usage.Event, 3)
	for i := range events {
		events[i] = usage.Event{
			ID: usage.ID{byte(i + 1)}, Kind: usage.KindCustom, Trusted: true, Time: time.Now().UTC().Truncate(time.Hour), Name: "signed.in",
		}
	}
	rejections := []usage.Rejection{{Reason: usage.ReasonTooOld, Count: 1}, {Reason: usage.ReasonNotUsage, Count: 4}}
	_, err := postgres.NewWriter(db, postgres.WriterConfig{}).Write(t.Context(), &usage.Batch{Events: events, Rejections: rejections})
	require.NoError(t, err)
	_, err = db.Pool().Exec(t.Context(), `UPDATE ingest_ledger SET count = count + 1 WHERE outcome = 'stored'; DELETE FROM ingest_ledger WHERE outcome = 'too_old'`)
	require.NoError(t, err)

	got := mirrorctl("reconcile", "--data", data)
	require.Equal(t, exitFailed, got.code)
	require.Empty(t, got.stderr)
	require.Regexp(t, `^equal: 3 events, .*
SENT WITH +OUTCOME +BOOKED +FOUND
every key +stored +4 +3
- +too_old +0 +1 at least
ledger different in 2 figures: 8 received = 4 stored \+ 0 repeated \+ 4 rejected \(4 not_usage\); 4 stored ≠ 3 events \(0 of sealed days\) \+ 0 reported totals
$`, got.stdout)

	got = mirrorctl("reconcile", "--data", data, "--json")
	require.Equal(t, exitFailed, got.code)
	require.JSONEq(t, `{
		"received": 8, "stored": 4, "repeated": 0, "rejected": {"not_usage": 4}, "events": 3, "sealed_events": 0, "totals": 0, "different": 2,
		"differences": [
			{"key": "every key", "outcome": "stored", "booked": 4, "found": 3, "at_least": false},
			{"key": "", "outcome": "too_old", "booked": 0, "found": 1, "at_least": true}
		]}`, ledgerOf(t, got.stdout))

	require.Equal(t, exitFailed, mirrorctl("reconcile", "--data", data, "--repair").code, "which side is wrong cannot be known")
	got = mirrorctl("reconcile", "--data", data, "--to", "2020-01-01", "--json")
	require.Equal(t, 0, got.code, "the ledger is compared as a whole")
	require.NotContains(t, got.stdout, "ledger")
}

func ledgerOf(t *testing.T, report string) string {
	t.Helper()
	var r struct{ Ledger json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(report), &r))
	return string(r.Ledger)
}
