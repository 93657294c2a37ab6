package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

func TestLastUseMovesAhead(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	a, b := limitedKey(t, db, "ada@example.com", 0, 0), limitedKey(t, db, "bob@example.com", 0, 0)
	at := time.Date(2026, 11, 24, 7, 0, 30, 0, time.UTC)
	lastUsed := func(id *apikey.Identity) string {
		return text(t, db, `SELECT coalesce(to_char(last_used AT TIME ZONE 'UTC', 'HH24:MI:SS'), 'never') FROM api_keys WHERE id = '`+id.KeyID+`'`)
	}
	flush := func(notes map[string]time.Time) {
		var log apikey.UseLog
		for id, at := range notes {
			log.Note(id, at)
		}
		require.NoError(t, postgres.WriteUses(t.Context(), db, &log))
		require.Empty(t, log.Drain())
	}
	flush(map[string]time.Time{a.KeyID: at, "key_nobody": at})
	require.Equal(t, "07:00:30 never", lastUsed(a)+" "+lastUsed(b))
	flush(map[string]time.Time{a.KeyID: at.Add(-time.Second), b.KeyID: at})
	require.Equal(t, "07:00:30 07:00:30", lastUsed(a)+" "+lastUsed(b), "another collector wrote a later use before")
	flush(map[string]time.Time{a.KeyID: at.Add(time.Second)})
	require.Equal(t, "07:00:31 07:00:30", lastUsed(a)+" "+lastUsed(b))

	var log apikey.UseLog
	log.Note(a.KeyID, at)
	db.Close()
	require.Error(t, postgres.WriteUses(t.Context(), db, &log))
	require.Len(t, log.Drain(), 1, "what could not be stored is kept")
}

// Collectors write the last uses of the same keys at the same time.
func TestCollectorsWriteUsesTogether(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	var ids []string
	for range 20 {
		ids = append(ids, newKey(t, db))
	}
	start := time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for n := range 20 {
				var log apikey.UseLog
				for _, id := range ids {
					log.Note(id, start.Add(time.Duration(n*4+i)*time.Second))
				}
				if err := postgres.WriteUses(context.WithoutCancel(t.Context()), db, &log); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, "07:01:19 07:01:19", text(t, db, `SELECT to_char(min(last_used), 'HH24:MI:SS ') || to_char(max(last_used), 'HH24:MI:SS') FROM api_keys WHERE last_used IS NOT NULL`))
}

// Ten thousand keys in use must not make every collector look them up again every ten seconds.
func TestUsesInvalidateNoCache(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	registry := postgres.NewRegistry(db, testPepper)
	used, other := limitedKey(t, db, "ada@example.com", 0, 0), limitedKey(t, db, "bob@example.com", 0, 0)
	store := postgres.NewKeyStore(db, testPepper)
	for _, id := range []*apikey.Identity{used, other} {
		_, err := store.LookUp(t.Context(), id.Fingerprint)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes, ended := make(chan apikey.Change, 10), make(chan error, 1)
	go func() { ended <- store.Watch(ctx, func(c apikey.Change) { changes <- c }) }()
	require.Equal(t, apikey.Change{Of: apikey.AnyKey}, <-changes, "it listens")

	var log apikey.UseLog
	log.Note(used.KeyID, time.Now())
	require.NoError(t, postgres.WriteUses(t.Context(), db, &log))
	require.Equal(t, "1", text(t, db, `SELECT count(*) FROM api_keys WHERE last_used IS NOT NULL`))
	_, err := registry.RevokeKey(t.Context(), access.Operator, other.KeyID)
	require.NoError(t, err)
	require.Equal(t, apikey.Change{Of: apikey.OneKey, Key: other.Fingerprint}, <-changes, "the first change that is told")
	cancel()
	require.Error(t, <-ended)
}
