package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
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
	account, err := g.Register(t.Context(), access.Operator, accounts.Registration{
		Email: " Ada@Example.com ", Organization: "Analytical Engines", Name: "Ada", UseCase: "sums", ExpectedVolume: "10k", Environment: "sandbox",
	})
	require.NoError(t, err)
	user, key := &account.User, account.Key
	kind, err := apikey.Check(key.Raw)
	require.NoError(t, err)
	require.Equal(t, apikey.Kind{Environment: "sandbox"}, kind)
	require.Equal(t, accounts.CustomerScopes, key.Key.Scopes)

	found, owner, err := g.Key(t.Context(), access.Operator, key.Key.KeyID)
	require.NoError(t, err)
	require.Equal(t, user, owner)
	require.Equal(t, "Ada@Example.com", owner.Email)
	require.Equal(t, apikey.Hint(key.Raw), found.Hint)
	require.Equal(t, key.Key.UserID, found.UserID)
	require.Equal(t, accounts.Claimed{}, found.Claimed)

	// Of the key itself the database has the digest only.
	var dump string
	require.NoError(t, db.Pool().QueryRow(t.Context(), `SELECT string_agg(k::text, '') FROM api_keys k`).Scan(&dump))
	require.NotContains(t, dump, key.Raw[8:])
	require.NotContains(t, dump, key.Key.Fingerprint.String())
	ids, err := postgres.NewKeyStore(db, postgres.Pepper("pepper of the tests")).LookUp(t.Context(), key.Key.Fingerprint)
	require.NoError(t, err)
	require.Equal(t, []*apikey.Identity{&key.Key.Identity}, ids)
}

// Neither an e-mail nor the name of an organisation opens what is there.
func TestSecondRegistrationIsAStranger(t *testing.T) {
	t.Parallel()
	g, _ := newRegistry(t)
	firstAccount, err := g.Register(t.Context(), access.Operator, accounts.Registration{Email: "ada@example.com", Organization: "Engines", Environment: "live"})
	require.NoError(t, err)
	first := &firstAccount.User
	for _, email := range []string{"ada@example.com", "ADA@EXAMPLE.COM", "аda@example.com"} { // the last one begins with a Cyrillic а
		secondAccount, err := g.Register(t.Context(), access.Operator, accounts.Registration{Email: email, Organization: "Engines", Environment: "live"})
		require.NoError(t, err, email)
		second := &secondAccount.User
		require.NotEqual(t, first.ID, second.ID)
		require.NotEqual(t, first.OrganizationID, second.OrganizationID)
	}

	joinedAccount, err := g.Register(t.Context(), access.Operator, accounts.Registration{Email: "bob@example.com", OrganizationID: first.OrganizationID, Environment: "live"})
	require.NoError(t, err)
	joined := &joinedAccount.User
	require.Equal(t, first.OrganizationID, joined.OrganizationID)
	require.Equal(t, "Engines", joined.OrganizationName)
	_, err = g.Register(t.Context(), access.Operator, accounts.Registration{Email: "bob@example.com", OrganizationID: "org_none", Environment: "live"})
	require.ErrorIs(t, err, accounts.ErrNotFound)
	keys, err := g.Keys(t.Context(), access.Operator, accounts.KeyFilter{}, accounts.Page{Limit: 9})
	require.NoError(t, err)
	require.Len(t, keys.Items, 5, "a refused registration leaves nothing behind")
}

func TestKeysAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	g, _ := newRegistry(t)
	userAccount, err := g.Register(t.Context(), access.Operator, accounts.Registration{Email: "ada@example.com", Organization: "Engines", Environment: "live"})
	require.NoError(t, err)
	user := &userAccount.User
	second, err := g.CreateKey(t.Context(), access.Operator, accounts.KeySpec{UserID: user.ID, Environment: "sandbox", Name: "laptop", ExpiresAt: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	admin, err := g.CreateKey(t.Context(), access.Operator, accounts.KeySpec{Environment: "live", Scopes: []string{apikey.ScopeAdmin}})
	require.NoError(t, err)
	kind, err := apikey.Check(admin.Raw)
	require.NoError(t, err)
	require.True(t, kind.Admin)

	list := func(f accounts.KeyFilter) (ids []string) {
		keys, err := g.Keys(t.Context(), access.Operator, f, accounts.Page{Limit: 9})
		require.NoError(t, err)
		for _, k := range keys.Items {
			ids = append(ids, k.KeyID)
		}
		return ids
	}
	require.Len(t, list(accounts.KeyFilter{}), 3)
	require.Len(t, list(accounts.KeyFilter{UserID: user.ID}), 2)
	require.Len(t, list(accounts.KeyFilter{OrganizationID: user.OrganizationID}), 2)

	_, err = g.RevokeKey(t.Context(), access.Operator, second.Key.KeyID)
	require.NoError(t, err)
	k, _, err := g.Key(t.Context(), access.Operator, second.Key.KeyID)
	require.NoError(t, err)
	_, err = g.RevokeKey(t.Context(), access.Operator, second.Key.KeyID)
	require.NoError(t, err)
	again, _, err := g.Key(t.Context(), access.Operator, second.Key.KeyID)
	require.NoError(t, err)
	require.Equal(t, k.RevokedAt, again.RevokedAt, "revoking again changes nothing")
	require.Len(t, list(accounts.KeyFilter{UserID: user.ID, Active: true}), 1)

	_, err = g.RevokeKey(t.Context(), access.Operator, "key_none")
	require.ErrorIs(t, err, accounts.ErrNotFound)
	_, _, err = g.Key(t.Context(), access.Operator, "key_none")
	require.ErrorIs(t, err, accounts.ErrNotFound)
	_, err = g.CreateKey(t.Context(), access.Operator, accounts.KeySpec{UserID: "usr_none", Environment: "live"})
	require.ErrorIs(t, err, accounts.ErrNotFound)
	_, err = g.CreateKey(t.Context(), access.Operator, accounts.KeySpec{Environment: "live"})
	require.ErrorContains(t, err, "scopes")
}

func TestAccountsWithoutDatabase(t *testing.T) {
	t.Parallel()
	g, db := newRegistry(t)
	db.Close()
	_, err := g.Register(t.Context(), access.Operator, accounts.Registration{Email: "ada@example.com", Organization: "Engines", Environment: "live"})
	require.Error(t, err)
}
