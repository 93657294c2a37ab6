package postgres_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// lives is a registry with what is needed to ask as somebody.
type lives struct {
	*testing.T
	*postgres.Registry
	db *postgres.DB
}

func newLives(t *testing.T) lives {
	g, db := newRegistry(t)
	return lives{t, g, db}
}

func (l lives) open(email string) *accounts.Account {
	l.Helper()
	a, err := l.Register(l.Context(), access.Operator, accounts.Registration{Email: email, Organization: "Org of " + email, Environment: "live"})
	require.NoError(l, err)
	return a
}

// as is whoever holds a raw key, as a verifier would see it now.
func (l lives) as(raw string) access.Actor {
	l.Helper()
	ids, err := postgres.NewKeyStore(l.db, postgres.Pepper("pepper of the tests")).LookUp(l.Context(), apikey.FingerprintOf(raw))
	require.NoError(l, err)
	return access.ActorOf(ids[0], netip.MustParseAddr("203.0.113.9"))
}

func (l lives) confirm(userID string) {
	l.Helper()
	yes := true
	_, err := l.ChangeUser(l.Context(), access.Operator, userID, accounts.UserChange{Confirmed: &yes})
	require.NoError(l, err)
}

// actions of the trail that are about a target, the latest first.
func (l lives) actions(target string) (actions []access.Action) {
	l.Helper()
	trail, err := l.Trail(l.Context(), access.Operator, accounts.TrailFilter{Target: target}, accounts.Page{Limit: 100})
	require.NoError(l, err)
	for _, e := range trail.Items {
		if e.Action != access.TrailRead {
			actions = append(actions, e.Action)
		}
	}
	return actions
}

func TestRotation(t *testing.T) {
	t.Parallel()
	l := newLives(t)
	ada := l.open("ada@example.com")
	limit := int64(500)
	networks := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	_, err := l.ChangeKey(t.Context(), access.Operator, ada.Key.Key.KeyID, accounts.KeyChange{PerHour: &limit, Addresses: &networks})
	require.NoError(t, err)

	before := time.Now()
	next, err := l.RotateKey(t.Context(), l.as(ada.Key.Raw), ada.Key.Key.KeyID, time.Hour)
	require.NoError(t, err)
	require.NotEqual(t, ada.Key.Raw, next.Raw)
	old, successor := l.as(ada.Key.Raw).Key, l.as(next.Raw).Key
	require.WithinRange(t, old.ExpiresAt, before.Add(time.Hour-time.Second), time.Now().Add(time.Hour+time.Second))
	require.True(t, successor.ExpiresAt.IsZero())
	require.Equal(t, old.Allowance, successor.Allowance, "a new key is not a new quota")
	require.EqualValues(t, 500, successor.Allowance.PerHour)
	require.Equal(t, networks, successor.Addresses)
	require.Equal(t, old.Scopes, successor.Scopes)
	k, _, err := l.Key(t.Context(), access.Operator, successor.KeyID)
	require.NoError(t, err)
	require.Equal(t, old.KeyID, k.RotatedFrom)

	// A second rotation cannot give the old key more time; a key that has ended gets no successor.
	_, err = l.RotateKey(t.Context(), access.Operator, old.KeyID, 48*time.Hour)
	require.NoError(t, err)
	require.Equal(t, old.ExpiresAt, l.as(ada.Key.Raw).Key.ExpiresAt)
	_, err = l.RotateKey(t.Context(), access.Operator, successor.KeyID, 0)
	require.NoError(t, err)
	_, err = l.RotateKey(t.Context(), access.Operator, successor.KeyID, 0)
	var conflict *accounts.ConflictError
	require.ErrorAs(t, err, &conflict)
	for _, grace := range []time.Duration{-time.Second, accounts.MaxGrace + time.Second} {
		_, err = l.RotateKey(t.Context(), access.Operator, successor.KeyID, grace)
		require.ErrorContains(t, err, "grace_seconds")
	}
	require.Equal(t, []access.Action{access.KeyRotate, access.KeyRotate, access.KeyChange}, slices.DeleteFunc(l.actions(old.KeyID), func(a access.Action) bool { return a == access.KeyRead }))
}

func TestLimitsAreSharedByALineage(t *testing.T) {
	t.Parallel()
	l := newLives(t)
	ada := l.open("ada@example.com")
	l.confirm(ada.User.ID)
	more, err := l.CreateKey(t.Context(), l.as(ada.Key.Raw), accounts.KeySpec{UserID: ada.User.ID, Environment: "sandbox"})
	require.NoError(t, err)
	apart, err := l.CreateKey(t.Context(), access.Operator, accounts.KeySpec{UserID: ada.User.ID, Environment: "live", PerMonth: 7})
	require.NoError(t, err)
	quota := int64(1000)
	_, err = l.ChangeKey(t.Context(), access.Operator, more.Key.KeyID, accounts.KeyChange{PerMonth: &quota})
	require.NoError(t, err)
	require.EqualValues(t, 1000, l.as(ada.Key.Raw).Key.Allowance.PerMonth)
	require.EqualValues(t, 7, l.as(apart.Raw).Key.Allowance.PerMonth)
	none := int64(0)
	_, err = l.ChangeKey(t.Context(), access.Operator, ada.Key.Key.KeyID, accounts.KeyChange{PerMonth: &none})
	require.NoError(t, err)
	require.Zero(t, l.as(more.Raw).Key.Allowance.PerMonth)
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	l := newLives(t)
	ada := l.open("ada@example.com")
	require.Equal(t, access.View{KeyID: ada.Key.Key.KeyID}, l.as(ada.Key.Raw).View, "until the address is confirmed")
	anonymous := access.ActorOf(nil, netip.Addr{})
	require.ErrorIs(t, l.ConfirmEmail(t.Context(), anonymous, "no such token"), accounts.ErrBadToken)

	newer, err := l.RequestConfirmation(t.Context(), l.as(ada.Key.Raw), ada.User.ID)
	require.NoError(t, err)
	require.ErrorIs(t, l.ConfirmEmail(t.Context(), anonymous, ada.Confirm.Token), accounts.ErrBadToken, "a newer one took its place")
	require.NoError(t, l.ConfirmEmail(t.Context(), anonymous, newer.Token))
	require.ErrorIs(t, l.ConfirmEmail(t.Context(), anonymous, newer.Token), accounts.ErrBadToken, "used up")
	require.Equal(t, access.View{OrganizationID: ada.User.OrganizationID}, l.as(ada.Key.Raw).View)
	none, err := l.RequestConfirmation(t.Context(), l.as(ada.Key.Raw), ada.User.ID)
	require.NoError(t, err)
	require.Nil(t, none)

	bob := l.open("bob@example.com")
	_, err = l.db.Pool().Exec(t.Context(), `UPDATE confirmations SET expires_at = now() - interval '1 second'`)
	require.NoError(t, err)
	require.ErrorIs(t, l.ConfirmEmail(t.Context(), anonymous, bob.Confirm.Token), accounts.ErrBadToken, "out of date")
	require.Equal(t, []access.Action{access.UserConfirm, access.UserCreate}, l.actions(ada.User.ID))
}

func TestInvitations(t *testing.T) {
	t.Parallel()
	l := newLives(t)
	ada := l.open("ada@example.com")
	l.confirm(ada.User.ID)
	org, admin := ada.User.OrganizationID, l.as(ada.Key.Raw)
	invite := func(email, role string, mailed bool) (*accounts.Invitation, string) {
		i, secret, err := l.Invite(t.Context(), admin, org, accounts.InvitationSpec{Email: email, Role: role, Mailed: mailed})
		require.NoError(t, err)
		return i, secret.Token
	}
	join := func(email, token string) (*accounts.Account, error) {
		return l.Register(t.Context(), access.ActorOf(nil, netip.Addr{}), accounts.Registration{Email: email, Invitation: token, Environment: "live"})
	}

	_, token := invite("grace@example.com", "member", true)
	_, err := join("mallory@example.com", token)
	require.ErrorIs(t, err, accounts.ErrBadToken, "meant for another")
	grace, err := join("Grace@Example.com", token)
	require.NoError(t, err)
	require.Equal(t, org, grace.User.OrganizationID)
	require.False(t, grace.User.ConfirmedAt.IsZero(), "the token was in her mail")
	require.Nil(t, grace.Confirm)
	_, err = join("grace@example.com", token)
	require.ErrorIs(t, err, accounts.ErrBadToken, "used up")
	require.Equal(t, access.View{UserID: grace.User.ID}, l.as(grace.Key.Raw).View)

	_, token = invite("linus@example.com", "admin", false)
	linus, err := join("linus@example.com", token)
	require.NoError(t, err)
	require.True(t, linus.User.ConfirmedAt.IsZero(), "handed over by hand, it shows nothing")

	revoked, token := invite("eve@example.com", "member", true)
	require.NoError(t, l.RevokeInvitation(t.Context(), admin, org, revoked.ID))
	require.NoError(t, l.RevokeInvitation(t.Context(), admin, org, revoked.ID))
	_, err = join("eve@example.com", token)
	require.ErrorIs(t, err, accounts.ErrBadToken)

	// Bob has an account, and comes over with it; what his key did stays where it was made.
	bob := l.open("bob@example.com")
	_, token = invite("bob@example.com", "admin", true)
	moved, err := l.AcceptInvitation(t.Context(), l.as(bob.Key.Raw), bob.User.ID, token)
	require.NoError(t, err)
	require.Equal(t, org, moved.OrganizationID)
	require.Equal(t, access.View{UserID: bob.User.ID}, l.as(bob.Key.Raw).View, "his key belongs to the organisation that he left")
	next, err := l.RotateKey(t.Context(), l.as(bob.Key.Raw), bob.Key.Key.KeyID, 0)
	require.NoError(t, err)
	require.Equal(t, access.View{OrganizationID: org}, l.as(next.Raw).View)

	list, err := l.Invitations(t.Context(), admin, org, accounts.Page{Limit: 2})
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	rest, err := l.Invitations(t.Context(), admin, org, accounts.Page{Limit: 9, After: list.Next})
	require.NoError(t, err)
	require.Len(t, rest.Items, 2)
	require.Zero(t, rest.Next)
}

func TestLastAdminStays(t *testing.T) {
	t.Parallel()
	l := newLives(t)
	ada := l.open("ada@example.com")
	member, leader := accounts.RoleMember, accounts.RoleAdmin
	var conflict *accounts.ConflictError
	_, err := l.ChangeUser(t.Context(), access.Operator, ada.User.ID, accounts.UserChange{Role: &member})
	require.ErrorAs(t, err, &conflict)
	bob, err := l.Register(t.Context(), access.Operator, accounts.Registration{Email: "bob@example.com", OrganizationID: ada.User.OrganizationID, Environment: "live"})
	require.NoError(t, err)

	// She has somewhere else to go, and may not leave him alone with nobody who manages.
	eve := l.open("eve@example.com")
	_, secret, err := l.Invite(t.Context(), access.Operator, eve.User.OrganizationID, accounts.InvitationSpec{Email: "ada@example.com", Role: "member"})
	require.NoError(t, err)
	_, err = l.AcceptInvitation(t.Context(), access.Operator, ada.User.ID, secret.Token)
	require.ErrorAs(t, err, &conflict)

	_, err = l.ChangeUser(t.Context(), access.Operator, bob.User.ID, accounts.UserChange{Role: &leader})
	require.NoError(t, err)
	_, err = l.AcceptInvitation(t.Context(), access.Operator, ada.User.ID, secret.Token)
	require.NoError(t, err, "the refused try has not used the token up")
}

func TestMerge(t *testing.T) {
	t.Parallel()
	l := newLives(t)
	ada, bob, eve := l.open("ada@example.com"), l.open("bob@example.com"), l.open("eve@example.com")
	l.confirm(bob.User.ID)
	_, err := l.MergeOrganization(t.Context(), access.Operator, ada.User.OrganizationID, ada.User.OrganizationID)
	require.ErrorContains(t, err, "itself")
	merged, err := l.MergeOrganization(t.Context(), access.Operator, ada.User.OrganizationID, bob.User.OrganizationID)
	require.NoError(t, err)
	require.Equal(t, bob.User.OrganizationID, merged.MergedInto)
	require.Equal(t, bob.User.OrganizationID, l.as(ada.Key.Raw).Key.OrganizationID)
	keys, err := l.Keys(t.Context(), l.as(bob.Key.Raw), accounts.KeyFilter{}, accounts.Page{Limit: 9})
	require.NoError(t, err)
	require.Len(t, keys.Items, 2, "the admin of the second sees the keys of the first")
	users, err := l.Users(t.Context(), l.as(bob.Key.Raw), accounts.UserFilter{}, accounts.Page{Limit: 9})
	require.NoError(t, err)
	require.Len(t, users.Items, 2)

	// Lists by the old name are those by the new one. Ada, whose address nobody confirmed, sees herself alone, and eve nothing.
	for _, organizationID := range []string{ada.User.OrganizationID, bob.User.OrganizationID} {
		for _, c := range []struct {
			by   access.Actor
			want int
		}{{access.Operator, 2}, {l.as(bob.Key.Raw), 2}, {l.as(ada.Key.Raw), 1}, {l.as(eve.Key.Raw), 0}} {
			keys, err = l.Keys(t.Context(), c.by, accounts.KeyFilter{OrganizationID: organizationID}, accounts.Page{Limit: 9})
			require.NoError(t, err)
			require.Len(t, keys.Items, c.want, "%s by %s", organizationID, c.by.Name)
			users, err = l.Users(t.Context(), c.by, accounts.UserFilter{OrganizationID: organizationID}, accounts.Page{Limit: 9})
			require.NoError(t, err)
			require.Len(t, users.Items, c.want, "%s by %s", organizationID, c.by.Name)
		}
	}

	var conflict *accounts.ConflictError
	for _, into := range []string{ada.User.OrganizationID, bob.User.OrganizationID} {
		_, err = l.MergeOrganization(t.Context(), access.Operator, ada.User.OrganizationID, into)
		require.Error(t, err, "there is no way back")
	}
	_, err = l.MergeOrganization(t.Context(), access.Operator, eve.User.OrganizationID, ada.User.OrganizationID)
	require.ErrorAs(t, err, &conflict, "into what is another name")
	joined, err := l.Register(t.Context(), access.Operator, accounts.Registration{Email: "new@example.com", OrganizationID: ada.User.OrganizationID, Environment: "live"})
	require.NoError(t, err)
	require.Equal(t, bob.User.OrganizationID, joined.User.OrganizationID)
}

// What an admin looks at stands in the trail, what it is about does not.
func TestTrail(t *testing.T) {
	t.Parallel()
	l := newLives(t)
	ada := l.open("ada@example.com")
	made, err := l.CreateKey(t.Context(), access.Operator, accounts.KeySpec{Environment: "live", Scopes: []string{apikey.ScopeAdmin}})
	require.NoError(t, err)
	admin := l.as(made.Raw)
	_, err = l.User(t.Context(), admin, ada.User.ID)
	require.NoError(t, err)
	_, _, err = l.Key(t.Context(), admin, admin.Name)
	require.NoError(t, err)
	_, _, err = l.Key(t.Context(), l.as(ada.Key.Raw), ada.Key.Key.KeyID)
	require.NoError(t, err)
	trail, err := l.Trail(t.Context(), access.Operator, accounts.TrailFilter{Actor: admin.Name}, accounts.Page{Limit: 9})
	require.NoError(t, err)
	require.Len(t, trail.Items, 1, "nobody is watched looking at what is their own")
	e := trail.Items[0]
	require.Equal(t, access.UserRead, e.Action)
	require.Equal(t, ada.User.ID, e.Target)
	require.Equal(t, "203.0.113.9", e.Client.String())

	for _, statement := range []string{`UPDATE admin_trail SET actor = ''`, `DELETE FROM admin_trail`, `TRUNCATE admin_trail`} {
		_, err := l.db.Pool().Exec(t.Context(), statement)
		require.ErrorContains(t, err, "only added", statement)
	}
	var text string
	require.NoError(t, l.db.Pool().QueryRow(t.Context(), `SELECT string_agg(t::text, '') FROM admin_trail t`).Scan(&text))
	require.NotContains(t, text, "@example.com")
	require.NotContains(t, text, ada.Confirm.Token)

	// A change whose trail cannot be written does not happen.
	_, err = l.db.Pool().Exec(t.Context(), `ALTER TABLE admin_trail ADD CHECK (action <> 'key.revoke')`)
	require.NoError(t, err)
	_, err = l.RevokeKey(t.Context(), admin, ada.Key.Key.KeyID)
	require.Error(t, err)
	require.True(t, l.as(ada.Key.Raw).Key.RevokedAt.IsZero())
}
