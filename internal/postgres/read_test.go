package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// readTest is a database with statistics that are written by hand.
type readTest struct {
	*testing.T
	db       *postgres.DB
	registry *postgres.Registry
	now      time.Time // noon UTC, today: the partitions that exist are those around it
}

func newReadTest(t *testing.T) *readTest {
	db := postgrestest.New(t)
	return &readTest{
		T: t, db: db, registry: postgres.NewRegistry(db, postgres.Pepper("pepper of the tests")),
		now: time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour),
	}
}

// register makes a user and returns it with the seq of its key.
func (t *readTest) register(email, environment string) (*accounts.User, int32) {
	account, err := t.registry.Register(t.Context(), access.Operator, accounts.Registration{Email: email, Organization: "Org of " + email, Environment: environment})
	require.NoError(t, err)
	user, key := &account.User, account.Key
	return user, t.seqOf(key.Key.KeyID)
}

func (t *readTest) seqOf(keyID string) (seq int32) {
	require.NoError(t, t.db.Pool().QueryRow(t.Context(), `SELECT seq FROM api_keys WHERE id = $1`, keyID).Scan(&seq))
	return seq
}

func (t *readTest) exec(sql string, args ...any) {
	_, err := t.db.Pool().Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// value is the dictionary's id of a string.
func (t *readTest) value(domain int, text string) (id int32) {
	err := t.db.Pool().QueryRow(t.Context(), `
		WITH new AS (INSERT INTO dictionary (domain, value) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id)
		SELECT id FROM new UNION ALL SELECT id FROM dictionary WHERE domain = $1 AND value = $2 LIMIT 1`, domain, text).Scan(&id)
	require.NoError(t, err)
	return id
}

// row is a row of statistics; zero fields are zero or NULL.
type row struct {
	key                                               int32
	at                                                time.Time
	vantage                                           usage.Vantage
	dimension                                         int
	value                                             string
	count, errors, micros, payments, agents, services int64
	volume, fees                                      string
	latency                                           map[int]int // how many by latency bucket
}

// insert writes a row with one cell. What it adds to all users' keys together is written too, by the quarter of an hour
// and by the day.
func (t *readTest) insert(r row) {
	var value int32
	if r.dimension > 0 {
		domain := r.dimension
		if domain == 8 {
			domain = 7 // currencies
		}
		value = t.value(domain, r.value)
	}
	t.insertCell(r, r.key, 0, r.at, value)
	if r.dimension == 0 || r.dimension == 5 {
		t.exec(`INSERT INTO key_activity (key, vantage, last) VALUES ($1, $2, $3)
			ON CONFLICT (key, vantage) DO UPDATE SET last = greatest(key_activity.last, excluded.last)`, r.key, r.vantage, r.at)
	}
	var everybody, organization int32
	err := t.db.Pool().QueryRow(t.Context(), `SELECT CASE environment WHEN 'live' THEN -1 ELSE -2 END, organization
		FROM api_keys WHERE seq = $1 AND user_seq IS NOT NULL`, r.key).Scan(&everybody, &organization)
	if errors.Is(err, pgx.ErrNoRows) {
		return
	}
	require.NoError(t, err)
	for grain, at := range map[int]time.Time{0: r.at, 2: r.at.UTC().Truncate(24 * time.Hour)} {
		switch r.dimension {
		case 0:
			t.insertCell(r, everybody, grain, at, 0)
			t.exec(`INSERT INTO usage_counts (key, grain, bucket, vantage, dimension, value, count, shares)
				VALUES ($1, $2, $3, $4, '{}', '{}', '{}', '\x04040404'::bytea || int4send($5) || int4send($6) || int4send($7) || int4send($8))`,
				everybody, grain, at, r.vantage, organization, r.count, r.errors, r.payments)
		case 1:
			t.insertCell(row{vantage: r.vantage, latency: r.latency}, everybody, grain, at, 0)
		case 2, 3, 7, 8:
			t.insertCell(r, everybody, grain, at, value)
		}
	}
}

func (t *readTest) insertCell(r row, key int32, grain int, at time.Time, value int32) {
	var latency []int32
	for bucket, n := range r.latency {
		latency = append(latency, int32(1<<23|bucket<<13|n)) // of the first cell
	}
	t.exec(`INSERT INTO usage_counts
		(key, grain, bucket, vantage, dimension, value, count, errors, duration_us, payments, agents, services, volume, fees, latency)
		VALUES ($1, $2, $3, $4, ARRAY[$5::smallint], ARRAY[$6::int], ARRAY[$7::int], ARRAY[$8::int], ARRAY[$9::bigint], ARRAY[$10::int],
			ARRAY[$11::int], ARRAY[$12::int], ARRAY[nullif($13::text, '')::numeric], ARRAY[nullif($14::text, '')::numeric], $15)`,
		key, grain, at, r.vantage, r.dimension, value, r.count, r.errors, r.micros, r.payments, r.agents, r.services,
		r.volume, r.fees, latency)
}

func (t *readTest) agents(key int32, at time.Time, vantage usage.Vantage, agents ...int64) {
	t.exec(`INSERT INTO usage_counts (key, grain, bucket, vantage, dimension, value, count, seen) VALUES ($1, 0, $2, $3, '{}', '{}', '{}', $4)`,
		key, at, vantage, agents)
}

func (t *readTest) window(start, end, granularity, zone string) analytics.Window {
	w, err := analytics.ParseWindow(analytics.WindowRequest{StartDate: start, EndDate: end, Granularity: granularity, Timezone: zone}, t.now.Add(time.Minute))
	require.NoError(t, err)
	return w
}

func (t *readTest) usage(counted usage.Vantage, s analytics.Subject, w analytics.Window) *analytics.Usage {
	u, err := postgres.NewReader(t.db, counted).Usage(context.WithoutCancel(t.Context()), analytics.UsageQuestion{By: access.Operator, Subject: s, Window: w, Top: 3})
	require.NoError(t, err)
	return u
}
