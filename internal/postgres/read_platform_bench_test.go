package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

// BenchmarkPlatform asks about 20 million events of 10,000 organisations, with a key each, in the 30 days up to now.
func BenchmarkPlatform(b *testing.B) {
	const organizations, days, events = 10_000, 30, 20_000_000
	db := postgrestest.New(b)
	now := time.Now().UTC()
	for _, sql := range []string{
		`INSERT INTO organizations (id, name) SELECT 'org_' || i, 'Organisation ' || i FROM generate_series(1, $1::int) AS i`,
		`INSERT INTO users (id, email, email_folded, organization) SELECT 'usr_' || i, '', '', i FROM generate_series(1, $1::int) AS i`,
		`WITH a AS (INSERT INTO allowances DEFAULT VALUES RETURNING seq)
			INSERT INTO api_keys (id, digest, pepper_id, hint, user_seq, organization, environment, scopes, allowance)
			SELECT 'key_' || i, int4send(i), '', '', i, i, 'live', '{}', a.seq FROM a, generate_series(1, $1::int) AS i`,
		`INSERT INTO key_activity (key, vantage, last) SELECT i, 1, now() FROM generate_series(1, $1::int) AS i`,
	} {
		_, err := db.Pool().Exec(b.Context(), sql, organizations)
		require.NoError(b, err)
	}
	require.NoError(b, postgres.FillTogether(b.Context(), db, now, days, organizations, events))
	_, err := db.Pool().Exec(b.Context(), `VACUUM ANALYZE`)
	require.NoError(b, err)
	for _, zone := range []string{"UTC", "Asia/Kathmandu", "America/Los_Angeles"} {
		b.Run(fmt.Sprintf("zone=%s", zone), func(b *testing.B) {
			w, err := analytics.ParseWindow(analytics.WindowRequest{Timezone: zone}, now)
			require.NoError(b, err)
			reader := postgres.NewReader(db, server)
			q := analytics.PlatformQuestion{By: access.Operator, Environment: "live", Window: w, ActiveSince: now.AddDate(0, 0, -days), Top: 10}
			b.ReportAllocs()
			for b.Loop() {
				p, err := reader.Platform(b.Context(), q)
				require.NoError(b, err)
				require.Len(b, p.Organizations, 10)
			}
		})
	}
}
