package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

func newRegistry(t *testing.T) (*postgres.Registry, *postgres.DB) {
	db := postgrestest.New(t)
	return postgres.NewRegistry(db, postgres.Pepper("pepper of the tests")), db
}

func TestRegistrationIsStored(t *testing.T) {
	t.Parallel()
	g, db := newRegistry(t)
	user, key, err := g.Register(t.Context(), accounts.Registration{
		Email: " Ada@Example.com ", Organization: "Analytical Engines", Name: "Ada", UseCase: "sums", ExpectedVolume: "10k", Environment: "sandbox",
	})
	require.NoError(t, err)
	kind, err := apikey.Check(key.Raw)
	require.NoError(t, err)
	require.Equal(t, apikey.Kind{Environment: "sandbox"}, kind)
	require.Equal(t, accounts.CustomerScopes, key.Identity.Scopes)

	found, owner, err := g.Key(t.Context(), key.Identity.KeyID)
	require.NoError(t, err)
	require.Equal(t, user, owner)
	require.Equal(t, "Ada@Example.com", owner.Email)
	require.Equal(t, apikey.Hint(key.Raw), found.Hint)
	require.Equal(t, key.Identity.UserID, found.UserID)
	require.Equal(t, accounts.Claimed{}, found.Claimed)

	// Of the key itself the database has the digest only.
	var dump string
	require.NoError(t, db.Pool().QueryRow(t.Context(), `SELECT string_agg(k::text, '') FROM api_keys k`).Scan(&dump))
	require.NotContains(t, dump, key.Raw[8:])
	require.NotContains(t, dump, key.Identity.Fingerprint.String())
	id, err := postgres.NewKeyStore(db, postgres.Pepper("pepper of the tests")).LookUp(t.Context(), key.Identity.Fingerprint)
	require.NoError(t, err)
	require.Equal(t, &key.Identity, id)
}

// Neither an e-mail nor the name of an organisation opens what is there.
func TestSecondRegistrationIsAStranger(t *testing.T) {
	t.Parallel()
	g, _ := newRegistry(t)
	first, _, err := g.Register(t.Context(), accounts.Registration{Email: "ada@example.com", Organization: "Engines", Environment: "live"})
	require.NoError(t, err)
	for _, email := range []string{"ada@example.com", "ADA@EXAMPLE.COM", "аda@example.com"} { // the last one begins with a Cyrillic а
		second, _, err := g.Register(t.Context(), accounts.Registration{Email: email, Organization: "Engines", Environment: "live"})
		require.NoError(t, err, email)
		require.NotEqual(t, first.ID, second.ID)
		require.NotEqual(t, first.OrganizationID, second.OrganizationID)
	}

	joined, _, err := g.Register(t.Context(), accounts.Registration{Email: "bob@example.com", OrganizationID: first.OrganizationID, Environment: "live"})
	require.NoError(t, err)
	require.Equal(t, first.OrganizationID, joined.OrganizationID)
	require.Equal(t, "Engines", joined.OrganizationName)
	_, _, err = g.Register(t.Context(), accounts.Registration{Email: "bob@example.com", OrganizationID: "org_none", Environment: "live"})
	require.ErrorIs(t, err, accounts.ErrNotFound)
	keys, err := g.Keys(t.Context(), accounts.Filter{})
	require.NoError(t, err)
	require.Len(t, keys, 5, "a refused registration leaves nothing behind")
}

func TestKeysAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	g, _ := newRegistry(t)
	user, _, err := g.Register(t.Context(), accounts.Registration{Email: "ada@example.com", Organization: "Engines", Environment: "live"})
	require.NoError(t, err)
	second, err := g.CreateKey(t.Context(), accounts.KeySpec{UserID: user.ID, Environment: "sandbox", Name: "laptop", ExpiresAt: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	admin, err := g.CreateKey(t.Context(), accounts.KeySpec{Environment: "live", Scopes: []string{apikey.ScopeAdmin}})
	require.NoError(t, err)
	kind, err := apikey.Check(admin.Raw)
	require.NoError(t, err)
	require.True(t, kind.Admin)

	list := func(f accounts.Filter) (ids []string) {
		keys, err := g.Keys(t.Context(), f)
		require.NoError(t, err)
		for _, k := range keys {
			ids = append(ids, k.KeyID)
		}
		return ids
	}
	require.Len(t, list(accounts.Filter{}), 3)
	require.Len(t, list(accounts.Filter{UserID: user.ID}), 2)
	require.Len(t, list(accounts.Filter{OrganizationID: user.OrganizationID}), 2)

	require.NoError(t, g.Revoke(t.Context(), second.Identity.KeyID))
	k, _, err := g.Key(t.Context(), second.Identity.KeyID)
	require.NoError(t, err)
	require.NoError(t, g.Revoke(t.Context(), second.Identity.KeyID))
	again, _, err := g.Key(t.Context(), second.Identity.KeyID)
	require.NoError(t, err)
	require.Equal(t, k.RevokedAt, again.RevokedAt, "revoking again changes nothing")
	require.Len(t, list(accounts.Filter{UserID: user.ID, Active: true}), 1)

	require.ErrorIs(t, g.Revoke(t.Context(), "key_none"), accounts.ErrNotFound)
	_, _, err = g.Key(t.Context(), "key_none")
	require.ErrorIs(t, err, accounts.ErrNotFound)
	_, err = g.CreateKey(t.Context(), accounts.KeySpec{UserID: "usr_none", Environment: "live"})
	require.ErrorIs(t, err, accounts.ErrNotFound)
	_, err = g.CreateKey(t.Context(), accounts.KeySpec{Environment: "live"})
	require.ErrorContains(t, err, "scopes")
}

func TestAccountsWithoutDatabase(t *testing.T) {
	t.Parallel()
	g, db := newRegistry(t)
	db.Close()
	_, _, err := g.Register(t.Context(), accounts.Registration{Email: "ada@example.com", Organization: "Engines", Environment: "live"})
	require.Error(t, err)
}
