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
