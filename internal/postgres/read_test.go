package postgres_test

import (
	"context"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	user, key, err := t.registry.Register(t.Context(), accounts.Registration{Email: email, Organization: "Org of " + email, Environment: environment})
	require.NoError(t, err)
	return user, t.seqOf(key.Identity.KeyID)
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
	volume, fees, latency                             string
}

func (t *readTest) insert(r row) {
	var value int32
	if r.dimension > 0 {
		domain := r.dimension
		if domain == 8 {
			domain = 7 // currencies
		}
		value = t.value(domain, r.value)
	}
	t.exec(`INSERT INTO usage_statistics
		(key, bucket, vantage, dimension, value, count, errors, duration_us, payments, agents, services, volume, fees, latency)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
			nullif($12::text, '')::numeric, nullif($13::text, '')::numeric, nullif($14::text, '')::numeric)`,
		r.key, r.at, r.vantage, r.dimension, value, r.count, r.errors, r.micros, r.payments, r.agents, r.services,
		r.volume, r.fees, r.latency)
}

// histogram writes bucket counts as the number that stands for them: bucket i owns the decimal digits from 12i on.
func histogram(counts map[int]int64) string {
	sum := new(big.Int)
	for bucket, n := range counts {
		digit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(12*bucket)), nil)
		sum.Add(sum, digit.Mul(digit, big.NewInt(n)))
	}
	return sum.String()
}

func (t *readTest) agent(key int32, day time.Time, vantage usage.Vantage, agent int64, slots ...int) {
	bits := []byte(strings.Repeat("0", 96))
	for _, s := range slots {
		bits[s] = '1'
	}
	t.exec(`INSERT INTO agent_activity (key, day, vantage, agent, slots) VALUES ($1, $2, $3, $4, $5::text::bit(96))`,
		key, day, vantage, agent, string(bits))
}

func (t *readTest) window(start, end, granularity, zone string) analytics.Window {
	w, err := analytics.ParseWindow(analytics.WindowRequest{StartDate: start, EndDate: end, Granularity: granularity, Timezone: zone}, t.now.Add(time.Minute))
	require.NoError(t, err)
	return w
}

func (t *readTest) usage(counted usage.Vantage, s analytics.Subject, w analytics.Window) *analytics.Usage {
	u, err := postgres.NewReader(t.db, counted).Usage(context.WithoutCancel(t.Context()), analytics.UsageQuestion{Subject: s, Window: w, Top: 3})
	require.NoError(t, err)
	return u
}
