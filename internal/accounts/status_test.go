package accounts_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
	key := func(expires, revoked time.Time) string {
		return (&accounts.Key{Identity: apikey.Identity{ExpiresAt: expires, RevokedAt: revoked}}).Status(now)
	}
	require.Equal(t, "active", key(time.Time{}, time.Time{}))
	require.Equal(t, "active", key(now.Add(time.Nanosecond), time.Time{}))
	require.Equal(t, "expired", key(now, time.Time{}), "the end is no part of a key's life")
	require.Equal(t, "revoked", key(now.Add(-time.Hour), now), "whatever else it is")

	invitation := func(i accounts.Invitation) string { return i.Status(now) }
	later := now.Add(time.Hour)
	require.Equal(t, "open", invitation(accounts.Invitation{ExpiresAt: later}))
	require.Equal(t, "expired", invitation(accounts.Invitation{ExpiresAt: now}))
	require.Equal(t, "revoked", invitation(accounts.Invitation{ExpiresAt: now, RevokedAt: now}))
	require.Equal(t, "accepted", invitation(accounts.Invitation{ExpiresAt: now, AcceptedAt: now}))
}
