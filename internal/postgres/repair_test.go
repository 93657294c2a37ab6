package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// damages are what can be wrong with statistics.
var damages = map[string]string{
	"Count":     change(1, 0, "count[i] = count[i] + 1"),
	"Volume":    change(1, 7, "volume[i] = volume[i] + 0.000000000000000001"),
	"Latency":   change(1, 1, "latency[1] = latency[1] + 1"),
	"Agent":     `UPDATE usage_counts SET seen[1] = seen[1] + 1 WHERE key > 0 AND seen IS NOT NULL`,
	"Gone":      `DELETE FROM usage_counts WHERE key > 0`,
	"All gone":  `DELETE FROM usage_counts`,
	"Twice":     `INSERT INTO usage_counts SELECT * FROM usage_counts`,
	"Moved":     `UPDATE usage_counts SET bucket = bucket + interval '15 minutes' WHERE key > 0`,
	"Together":  moreShares,
	"Days":      `DELETE FROM usage_counts WHERE key < 0 AND grain = 2`,
	"Unseen":    `DELETE FROM key_activity`,
	"Too early": `UPDATE key_activity SET last = last - interval '1 day'`,
	"Too late":  `UPDATE key_activity SET last = last + interval '1 hour'`,
	"No event":  `DELETE FROM audit_logs WHERE key = 0`,
	"No cell":   `UPDATE usage_counts SET latency[1] = 255 << 23 | 1 WHERE latency IS NOT NULL`,
}

// Whatever was wrong, repair makes it what it was before, and says what it changed.
func TestRepair(t *testing.T) {
	t.Parallel()
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.New(t)
			keys := []string{newKey(t, db), newKey(t, db), ""}
			w := postgres.NewWriter(db, postgres.WriterConfig{})
			for n := range 6 {
				e := request(n)
				e.KeyID, e.AgentID, e.ServiceID, e.Payment = keys[n%3], fmt.Sprint("a", n), "svc", payment("12.50", "EUR")
				e.Time = e.Time.Add(time.Duration(n) * 7 * time.Hour) // two days
				write(t, w, e)
			}
			before := []any{statisticsOf(t, db, keys[0]), statisticsOf(t, db, keys[1])}
			_, err := db.Pool().Exec(t.Context(), damage)
			require.NoError(t, err)
			found, err := postgres.Reconcile(t.Context(), db, postgres.ReconcileConfig{})
			require.NoError(t, err)
			require.NotZero(t, found.Total)

			repaired, err := postgres.Repair(t.Context(), db, postgres.ReconcileConfig{})
			require.NoError(t, err)
			require.NotZero(t, repaired.Total)
			require.Contains(t, found.Differences, repaired.Differences[0])
			requireEqualToRecount(t, db)
			require.Equal(t, before, []any{statisticsOf(t, db, keys[0]), statisticsOf(t, db, keys[1])})

			again, err := postgres.Repair(t.Context(), db, postgres.ReconcileConfig{})
			require.NoError(t, err)
			require.Zero(t, again.Total)
		})
	}
}

// Repair touches no day outside of its bounds, and none that is sealed.
func TestRepairLeavesDaysAlone(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	key := newKey(t, db)
	for n := range 3 {
		e := request(n)
		e.KeyID, e.Time = key, noon.AddDate(0, 0, -n)
		write(t, w, e)
	}
	_, err := db.Pool().Exec(t.Context(), damages["All gone"])
	require.NoError(t, err)
	repaired, err := postgres.Repair(t.Context(), db, postgres.ReconcileConfig{From: noon.AddDate(0, 0, -1), To: noon})
	require.NoError(t, err)
	require.NotZero(t, repaired.Total)
	const days = `SELECT string_agg(DISTINCT bucket::date::text, ' ' ORDER BY bucket::date::text) FROM usage_counts`
	require.Equal(t, noon.AddDate(0, 0, -1).Format(time.DateOnly), text(t, db, days))

	_, err = db.Pool().Exec(t.Context(), `UPDATE retention SET sealed_before = $1`, noon.AddDate(0, 0, -1).Truncate(24*time.Hour))
	require.NoError(t, err)
	_, err = db.Pool().Exec(t.Context(), `DELETE FROM audit_logs WHERE time < $1`, noon.AddDate(0, 0, -1).Truncate(24*time.Hour))
	require.NoError(t, err)
	repaired, err = postgres.Repair(t.Context(), db, postgres.ReconcileConfig{})
	require.NoError(t, err)
	require.NotZero(t, repaired.Total)
	require.Equal(t, noon.AddDate(0, 0, -1).Format(time.DateOnly)+" "+noon.Format(time.DateOnly), text(t, db, days))
}

// Statistics are damaged, repaired and merged again and again while writers go on, and come out equal.
func TestRepairWhileWriting(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	keys := []string{newKey(t, db), newKey(t, db)}
	var writers, others sync.WaitGroup
	done := make(chan struct{})
	background := func(work func() error) {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if err := work(); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	repaired := 0
	some := make(chan struct{}) // closed once something was repaired: on a slow machine writers may come first
	background(func() error {
		_, err := db.Pool().Exec(t.Context(), `UPDATE usage_counts SET count[1] = count[1] + 1 WHERE ctid IN (SELECT ctid FROM usage_counts ORDER BY random() LIMIT 3)`)
		if err != nil {
			return err
		}
		report, err := postgres.Repair(t.Context(), db, postgres.ReconcileConfig{})
		if err == nil {
			if repaired == 0 && report.Total > 0 {
				close(some)
			}
			repaired += report.Total
		}
		return err
	})
	background(func() error { return postgres.Compact(t.Context(), db, time.Now().Add(2*time.Hour)) })
	for worker := range 2 {
		writers.Go(func() {
			w := postgres.NewWriter(db, postgres.WriterConfig{})
			for n := range 60 {
				e := request(1000*worker + n)
				e.KeyID, e.AgentID, e.Payment = keys[n%2], fmt.Sprint("a", n%5), payment("0.01", "EUR")
				if _, err := w.Write(t.Context(), &usage.Batch{Events: []usage.Event{e}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	select {
	case <-some:
	case <-time.After(time.Minute):
		t.Error("nothing was repaired")
	}
	close(done)
	others.Wait()
	_, err := postgres.Repair(t.Context(), db, postgres.ReconcileConfig{})
	require.NoError(t, err)
	requireEqualToRecount(t, db)
	require.Equal(t, "120", text(t, db, `SELECT sum(count) FROM usage_statistics WHERE dimension = 0`))
}
