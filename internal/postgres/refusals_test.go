package postgres_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

// Refusals with a registered key are stored under the key; those of two collectors, and of a later time, add up.
func TestRefusalsAreStored(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	a, b := limitedKey(t, db, "ada@example.com", 0, 0), limitedKey(t, db, "bob@example.com", 0, 0)
	at := time.Date(2026, 11, 24, 7, 0, 30, 0, time.UTC)
	from := netip.MustParseAddr("192.0.2.7")
	for range 2 {
		var log apikey.RefusalLog
		log.NoteKey(at, from, a, apikey.RefusedRateLimited)
		log.NoteKey(at, from, a, apikey.RefusedRateLimited)
		log.NoteKey(at, from, b, apikey.RefusedOverQuota)
		log.Note(at, from, "", apikey.RefusedMissing)
		log.NoteKey(at, from, &apikey.Identity{KeyID: "key_nobody"}, apikey.RefusedAddress)
		require.NoError(t, postgres.WriteRefusals(t.Context(), db, &log))
		require.Empty(t, log.Drain())
	}
	require.Equal(t, `ada@example.com 192.0.2.7/32 rate_limited 4
bob@example.com 192.0.2.7/32 over_quota 2
nobody 192.0.2.0/24 missing 2
nobody 192.0.2.7/32 address 2`, text(t, db, `
		SELECT string_agg(concat_ws(' ', coalesce(u.email, 'nobody'), r.prefix::text, r.reason, r.count), E'\n' ORDER BY u.email, r.reason DESC)
		FROM refused_calls r LEFT JOIN api_keys k ON k.seq = r.key LEFT JOIN users u ON u.seq = k.user_seq
		WHERE minute = '2026-11-24 07:00:00+00'`))

	var log apikey.RefusalLog
	log.NoteKey(at, from, a, apikey.RefusedScope)
	db.Close()
	require.Error(t, postgres.WriteRefusals(t.Context(), db, &log))
	require.Len(t, log.Drain(), 1, "what could not be stored is kept")
}
