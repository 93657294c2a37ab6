package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// moments lie where buckets, days, weeks and months end; local days that daylight saving makes longer or shorter are not
// among them, because storage knows UTC only.
func moments() []time.Time {
	now := time.Now().UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	monday := month.AddDate(0, 0, -((int(month.Weekday()) + 6) % 7))
	var all []time.Time
	for _, at := range []time.Time{month, monday, month.AddDate(0, 0, -3), month.AddDate(0, -1, 0)} {
		all = append(all, at, at.Add(-time.Microsecond), at.Add(15*time.Minute-time.Microsecond), at.Add(15*time.Minute))
	}
	return all
}

// eventGen draws events of one key that share values, times and sometimes ids.
func eventGen() *rapid.Generator[usage.Event] {
	at := moments()
	return rapid.Custom(func(t *rapid.T) usage.Event {
		pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
		e := usage.Event{
			ID:      usage.NamedID('p', fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "id"))),
			Kind:    rapid.SampledFrom([]usage.Kind{usage.KindRequest, usage.KindRequest, usage.KindCustom, usage.KindAuthFailure}).Draw(t, "kind"),
			Time:    rapid.SampledFrom(at).Draw(t, "time"),
			Trusted: rapid.Bool().Draw(t, "trusted"), Failed: rapid.Bool().Draw(t, "failed"),
			AgentID: pick("agent", "", "a1", "a2", "ägent"), ServiceID: pick("service", "", "s1"), Country: pick("country", "", "DE", "IN"),
			UserAgent: pick("user agent", "", "curl/8"), Undated: rapid.IntRange(0, 9).Draw(t, "undated") == 0,
		}
		if e.Kind == usage.KindCustom {
			e.Name = pick("name", "disco.payment.completed", "disco.agent.created", "disco.service.created", "other")
		} else {
			e.Vantage = rapid.SampledFrom([]usage.Vantage{usage.VantageServer, usage.VantageClient}).Draw(t, "vantage")
			e.Method, e.Route = "GET", pick("route", "/a", "/b/{id}")
			e.Operation = pick("operation", "", "agents.create", "services.create", "payments.create")
			e.Status = rapid.SampledFrom([]int{0, 200, 401, 429, 500}).Draw(t, "status")
			e.Duration = time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "duration"))
			e.SDK = rapid.SampledFrom([]usage.SDK{{}, {Name: "disco-sdk-go", Version: "1.0.0", Language: "go"}}).Draw(t, "sdk")
		}
		if rapid.Bool().Draw(t, "pays") {
			p, err := usage.ParsePayment(pick("amount", "0", "0.1", "12.50", "999999999999999.999999999999999999"), pick("fee", "", "0.01"), pick("currency", "EUR", "JPY"))
			require.NoError(t, err)
			e.Payment = p
		}
		return e
	})
}

var testPepper = postgres.Pepper("a pepper for tests")

// newKey is the key of a new user, so that it is counted for all users' keys together too. It may send what the events of these
// tests are: trusted.
func newKey(t require.TestingT, db *postgres.DB) string {
	id := newCustomer(t, db)
	_, err := db.Pool().Exec(contextOf(t), `UPDATE api_keys SET scopes = scopes || $2::text WHERE id = $1`, id, apikey.ScopeTelemetryWriteAny)
	require.NoError(t, err)
	return id
}

// newCustomer is the key of a new user as a registration makes it.
func newCustomer(t require.TestingT, db *postgres.DB) string {
	keyAccount, err := postgres.NewRegistry(db, testPepper).Register(contextOf(t), access.Operator, accounts.Registration{
		Email: "ada@example.com", Organization: "Analytical Engines", Environment: apikey.Live,
	})
	require.NoError(t, err)
	key := keyAccount.Key
	return key.Key.KeyID
}

// statisticsOf is everything that was counted for a key, as text.
func statisticsOf(t require.TestingT, db *postgres.DB, keyID string) []string {
	const query = `
		SELECT format('%s %s %s %s | %s %s %s %s %s %s %s %s', bucket, s.vantage, dimension, d.value, count, errors, duration_us,
			payments, agents, services, trim_scale(volume), trim_scale(fees))
		FROM usage_statistics s LEFT JOIN dictionary d ON d.id = s.value JOIN api_keys k ON k.seq = s.key WHERE k.id = $1
		UNION ALL SELECT format('latency %s %s %s %s %s', bucket, l.vantage, d.value, slot, count)
			FROM usage_latencies l LEFT JOIN dictionary d ON d.id = l.endpoint JOIN api_keys k ON k.seq = l.key WHERE k.id = $1
		UNION ALL SELECT format('agent %s %s %s', bucket, vantage, agent) FROM agent_activity a JOIN api_keys k ON k.seq = a.key WHERE k.id = $1
		UNION ALL SELECT format('seen %s %s', vantage, last) FROM key_activity a JOIN api_keys k ON k.seq = a.key WHERE k.id = $1
		UNION ALL SELECT format('events %s', count(*)) FROM audit_logs a JOIN api_keys k ON k.seq = a.key WHERE k.id = $1
		ORDER BY 1`
	rows, err := db.Pool().Query(contextOf(t), query, keyID)
	require.NoError(t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	return lines
}

func ofKey(events []usage.Event, keyID string) []usage.Event {
	own := slices.Clone(events)
	for i := range own {
		own[i].KeyID = keyID
	}
	return own
}

// Whatever the order, the cuts and the repetitions of the same events, the statistics are the same.
func TestOrderSplitsAndRepeatsChangeNothing(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	w := postgres.NewWriter(db, postgres.WriterConfig{})
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(eventGen(), 1, 60).Draw(t, "events")
		events = oneContentPerID(events)
		once, often := newKey(t, db), newKey(t, db)
		write(t, w, ofKey(events, once)...)

		shuffled := rapid.Permutation(ofKey(events, often)).Draw(t, "order")
		received, stored := 0, 0
		for len(shuffled) > 0 {
			n := rapid.IntRange(1, len(shuffled)).Draw(t, "cut")
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				r := write(t, w, shuffled[:n]...)
				received, stored = received+r.Stored+r.Repeated+r.Rejected, stored+r.Stored
				require.Equal(t, n, r.Stored+r.Repeated+r.Rejected)
			}
			shuffled = shuffled[n:]
		}
		require.Equal(t, statisticsOf(t, db, once), statisticsOf(t, db, often))
	})
	requireEqualToRecount(t, db)
}

// oneContentPerID makes events that are the same by key, time and id the same in content too: of two contents the
// store keeps the one that comes first, which is no error of order.
func oneContentPerID(events []usage.Event) []usage.Event {
	first := map[string]usage.Event{}
	for i, e := range events {
		at := fmt.Sprint(e.ID, e.Time)
		if e.Undated {
			at = fmt.Sprint(e.ID)
		}
		if seen, ok := first[at]; ok {
			events[i] = seen
			continue
		}
		first[at] = e
	}
	return withoutClashes(events)
}

// withoutClashes drops dated events with the id and time of an undated one, and the other way round: which of the two is
// stored depends on their order.
func withoutClashes(events []usage.Event) []usage.Event {
	undated := map[string]bool{}
	for _, e := range events {
		if e.Undated {
			undated[fmt.Sprint(e.ID, e.Time)] = true
		}
	}
	return slices.DeleteFunc(events, func(e usage.Event) bool { return !e.Undated && undated[fmt.Sprint(e.ID, e.Time)] })
}

// Four writers with caches of their own, as four collectors have, write overlapping batches in any order.
func TestConcurrentWritersCountOnce(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	keys := []string{newKey(t, db), newKey(t, db), newKey(t, db)}
	const distinct = 600
	events := make([]usage.Event, distinct)
	for i := range events {
		events[i] = request(i)
		events[i].KeyID, events[i].AgentID = keys[i%3], fmt.Sprint("a", i%7)
		events[i].Route = fmt.Sprintf("/r%d", i%20) // more than the limit below
		events[i].Payment = payment("0.01", "EUR")
	}
	var stored, sent atomic.Int64
	done := make(chan error)
	for n := range 4 {
		go func() {
			w := postgres.NewWriter(db, postgres.WriterConfig{CardinalityLimit: 5})
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for range 12 {
				batch := make([]usage.Event, 150)
				for i := range batch {
					batch[i] = events[random.IntN(distinct)]
				}
				r, err := w.Write(t.Context(), &usage.Batch{Events: batch})
				if err != nil {
					done <- err
					return
				}
				stored.Add(int64(r.Stored))
				sent.Add(int64(r.Stored + r.Repeated + r.Rejected))
			}
			r, err := w.Write(t.Context(), &usage.Batch{Events: events})
			stored.Add(int64(r.Stored))
			done <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-done)
	}
	require.Equal(t, int64(distinct), stored.Load())
	require.Equal(t, int64(4*12*150), sent.Load())
	report := requireEqualToRecount(t, db)
	require.Equal(t, int64(distinct), report.Events)
	require.Equal(t, "6", text(t, db, `SELECT max(n) FROM (SELECT count(DISTINCT endpoint) AS n FROM audit_logs GROUP BY key, time::date) x`), "five endpoints and other")
	require.Equal(t, "600", text(t, db, `SELECT sum(count) FROM usage_statistics WHERE dimension = 1`))
	require.Equal(t, "6", text(t, db, `SELECT sum(volume)::int FROM usage_statistics WHERE dimension = 7`))
}

func text(t *testing.T, db *postgres.DB, sql string, args ...any) string {
	t.Helper()
	var v any
	require.NoError(t, db.Pool().QueryRow(t.Context(), `SELECT coalesce((`+sql+`)::text, 'NULL')`, args...).Scan(&v))
	return fmt.Sprint(v)
}
