package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Two writers decide at the same time what a key has room for on a day: who commits first has it.
func TestOutrunWriterDecidesAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, first, second []string // routes; the day has room for three
		counted               string   // under which those of the second writer are counted
		admitted              string   // how many numbers the day holds: values, and one for their domain each time
	}{
		"a day of which nothing was known": {nil, []string{"/1", "/2", "/3"}, []string{"/2", "/4"}, "POST /2, other", "4"},
		"a day that has begun":             {[]string{"/0"}, []string{"/1", "/2"}, []string{"/2", "/3"}, "POST /2, other", "5"},
		"room for both":                    {[]string{"/0"}, []string{"/1"}, []string{"/1", "/2"}, "POST /1, POST /2", "6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := postgrestest.New(t)
			key := newKey(t, db)
			calls := func(from int, routes ...string) (events []usage.Event) {
				for i, route := range routes {
					e := request(from + i)
					e.KeyID, e.Route, e.Country, e.SDK = key, route, "", usage.SDK{}
					events = append(events, e)
				}
				return events
			}
			writer := func() *postgres.Writer {
				w := postgres.NewWriter(db, postgres.WriterConfig{CardinalityLimit: 3})
				write(t, w, calls(-86_400, "/yesterday")...) // knows the key, and has marked it as active
				write(t, w, calls(0, c.before...)...)
				return w
			}
			first, second := writer(), writer()

			// The first writer has done everything but the last statement, and the second one comes up to it.
			holder, err := db.Pool().Begin(t.Context())
			require.NoError(t, err)
			defer func() { _ = holder.Rollback(context.WithoutCancel(t.Context())) }()
			_, err = holder.Exec(t.Context(), `SELECT FROM key_activity FOR UPDATE`)
			require.NoError(t, err)
			written := make(chan usage.Receipt, 2)
			store := func(w *postgres.Writer, events []usage.Event) {
				receipt, err := w.Write(t.Context(), &usage.Batch{Events: events})
				assert.NoError(t, err)
				written <- receipt
			}
			later := int(time.Hour / time.Second)
			go store(first, calls(later, c.first...))
			requireWaiting(t, db, `INSERT INTO key_activity`)
			go store(second, calls(2*later, c.second...))
			requireWaiting(t, db, `admissions`)
			require.NoError(t, holder.Rollback(t.Context()))

			require.Equal(t, len(c.first)+len(c.second), (<-written).Stored+(<-written).Stored)
			require.Equal(t, c.counted, text(t, db, `SELECT string_agg(d.value, ', ' ORDER BY a.time) FROM audit_logs a JOIN dictionary d ON d.id = a.endpoint
				WHERE a.time >= $1`, noon.Add(2*time.Hour)))
			require.Equal(t, c.admitted, text(t, db, `SELECT cardinality(admitted) FROM admissions a JOIN api_keys k ON k.seq = a.key WHERE k.id = $1 AND day = $2`, key, noon))
			requireEqualToRecount(t, db)
			write(t, first, calls(3*later, "/5")...) // what both remember is what was committed
			write(t, second, calls(3*later+1, c.first...)...)
			requireEqualToRecount(t, db)
		})
	}
}

// requireWaiting returns once a statement waits for a lock.
func requireWaiting(t *testing.T, db *postgres.DB, statement string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, "1", text(t, db, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'`, statement))
	}, time.Minute, 5*time.Millisecond)
}
