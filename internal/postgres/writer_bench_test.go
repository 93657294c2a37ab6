package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

const batchSize = 8192

// benchBatch is what a busy platform sends: 150 keys, 20 endpoints, 5 SDK versions, 10 countries, a payment in five.
func benchBatch(keys []string, n int) []usage.Event {
	events := make([]usage.Event, batchSize)
	for i := range events {
		e := request(i)
		serial := n*batchSize + i
		e.ID = usage.NamedID('b', fmt.Sprint(serial))
		e.Time = noon.Add(time.Duration(serial) * 100 * time.Microsecond)
		e.KeyID = keys[i%len(keys)]
		e.Route = fmt.Sprintf("/v1/resource-%d/{id}", i%20)
		e.SDK.Version = fmt.Sprintf("1.%d.0", i%5)
		e.Country = []string{"DE", "IN", "US", "BR", "JP", "FR", "GB", "NG", "ID", "MX"}[i%10]
		e.UserAgent = "disco-sdk-go/" + e.SDK.Version + " (go1.26; linux/amd64)"
		e.AgentID = fmt.Sprintf("agent-%d", i%500)
		e.Operation = "payments.create"
		if i%5 == 0 {
			e.Payment = payment("12.50", "EUR")
		}
		events[i] = e
	}
	return events
}

// The raw copy of the same number of rows as text, one transaction to a batch, is the yardstick.
func BenchmarkWrite(b *testing.B) {
	b.Run(fmt.Sprintf("events_%d", batchSize), func(b *testing.B) {
		db := postgrestest.New(b)
		w := postgres.NewWriter(db, postgres.WriterConfig{})
		keys := make([]string, 150)
		for i := range keys {
			keys[i] = newKey(b, db)
		}
		n := 0
		for b.Loop() {
			b.StopTimer()
			batch := &usage.Batch{Events: benchBatch(keys, n)}
			n++
			b.StartTimer()
			r, err := w.Write(b.Context(), batch)
			require.NoError(b, err)
			require.Equal(b, batchSize, r.Stored)
		}
		b.ReportMetric(float64(n*batchSize)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run(fmt.Sprintf("copy_%d", batchSize), func(b *testing.B) {
		db := postgrestest.New(b)
		_, err := db.Pool().Exec(b.Context(), `CREATE TABLE yardstick (time timestamptz, id bytea, key text, method text, route text, sdk text,
			country text, agent text, user_agent text, duration bigint, PRIMARY KEY (time, id)); CREATE INDEX ON yardstick (key, time)`)
		require.NoError(b, err)
		columns := []string{"time", "id", "key", "method", "route", "sdk", "country", "agent", "user_agent", "duration"}
		n := 0
		for b.Loop() {
			b.StopTimer()
			events := benchBatch([]string{"key_1", "key_2", "key_3"}, n)
			n++
			b.StartTimer()
			_, err := db.Pool().CopyFrom(b.Context(), pgx.Identifier{"yardstick"}, columns, pgx.CopyFromSlice(len(events), func(i int) ([]any, error) {
				e := &events[i]
				return []any{e.Time, e.ID[:], e.KeyID, e.Method, e.Route, e.SDK.Version, e.Country, e.AgentID, e.UserAgent, e.Duration.Microseconds()}, nil
			}))
			require.NoError(b, err)
		}
		b.ReportMetric(float64(n*batchSize)/b.Elapsed().Seconds(), "events/s")
	})
}
