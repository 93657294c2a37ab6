package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

func TestLookUp(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	registry := postgres.NewRegistry(db, testPepper)
	account, err := registry.Register(t.Context(), access.Operator, accounts.Registration{
		Email: "ada@example.com", Organization: "Analytical Engines", Name: "Ada", Environment: "sandbox",
	})
	require.NoError(t, err)
	user, key := &account.User, account.Key
	store := postgres.NewKeyStore(db, testPepper)
	f := apikey.FingerprintOf(key.Raw)

	nobodys := apikey.FingerprintOf("dk_test_other")
	ids, err := store.LookUp(t.Context(), nobodys, f, f)
	require.NoError(t, err)
	require.Len(t, ids, 3)
	require.Nil(t, ids[0])
	require.Equal(t, ids[1], ids[2])
	id := ids[1]
	require.Equal(t, user.ID, id.UserID)
	require.Equal(t, "Analytical Engines", id.OrganizationName)
	require.Equal(t, "sandbox", id.Environment)
	require.Equal(t, f, id.Fingerprint)
	require.True(t, id.RevokedAt.IsZero())

	ids, err = postgres.NewKeyStore(db, postgres.Pepper("another pepper")).LookUp(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, []*apikey.Identity{nil}, ids, "a copy of the database without the pepper knows no key")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.LookUp(ended, f)
	require.Error(t, err, "no answer is not an answer")
}

// A change is told with the key's fingerprint, whatever program made it; a lost connection means that any key may have
// changed.
func TestWatch(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	registry := postgres.NewRegistry(db, testPepper)
	keyAccount, err := registry.Register(t.Context(), access.Operator, accounts.Registration{Email: "ada@example.com", Organization: "AE", Name: "Ada", Environment: "live"})
	require.NoError(t, err)
	key := keyAccount.Key
	store := postgres.NewKeyStore(db, testPepper)
	f := apikey.FingerprintOf(key.Raw)
	_, err = store.LookUp(t.Context(), f)
	require.NoError(t, err)

	changes, ended := make(chan apikey.Change, 10), make(chan error, 1)
	go func() { ended <- store.Watch(t.Context(), func(c apikey.Change) { changes <- c }) }()
	anyKey, one := apikey.Change{Of: apikey.AnyKey}, apikey.Change{Of: apikey.OneKey, Key: f}
	require.Equal(t, anyKey, <-changes, "what changed before is not known")
	_, err = registry.RevokeKey(t.Context(), access.Operator, key.Key.KeyID)
	require.NoError(t, err)
	require.Equal(t, one, <-changes)
	_, err = db.Pool().Exec(t.Context(), `UPDATE api_keys SET expires_at = now()`)
	require.NoError(t, err)
	require.Equal(t, one, <-changes)
	_, err = db.Pool().Exec(t.Context(), `UPDATE organizations SET name = 'Babbage'`)
	require.NoError(t, err)
	require.Equal(t, one, <-changes, "each key of the organisation")
	_, err = db.Pool().Exec(t.Context(), `UPDATE users SET email_confirmed_at = now()`)
	require.NoError(t, err)
	require.Equal(t, one, <-changes)
	_, err = db.Pool().Exec(t.Context(), `UPDATE allowances SET requests_per_hour = 5`)
	require.NoError(t, err)
	require.Equal(t, one, <-changes)

	unheardOf, err := registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{Environment: "live", Scopes: accounts.CustomerScopes})
	require.NoError(t, err)
	require.Equal(t, apikey.Change{Of: apikey.NewKey}, <-changes, "guesses that were answered before may name it")
	_, err = registry.RevokeKey(t.Context(), access.Operator, unheardOf.Key.KeyID)
	require.NoError(t, err)
	require.Equal(t, apikey.Change{Of: apikey.NewKey}, <-changes, "a question about it may be under way")

	_, err = db.Pool().Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mirrorball listen' AND datname = current_database()`)
	require.NoError(t, err)
	require.Equal(t, anyKey, <-changes)
	require.Error(t, <-ended)
}

func TestPepperIsChecked(t *testing.T) {
	t.Parallel()
	db := postgrestest.New(t)
	require.NoError(t, postgres.CheckPepper(t.Context(), db, testPepper))
	require.NoError(t, postgres.CheckPepper(t.Context(), db, testPepper))
	require.ErrorIs(t, postgres.CheckPepper(t.Context(), db, postgres.Pepper("another")), postgres.ErrWrongPepper)
}
