package postgres_test

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// powers is a registry with people in it, who act with their keys.
type powers struct {
	*testing.T
	*postgres.Registry
	db *postgres.DB
}

func newPowers(t *testing.T) *powers {
	g, db := newRegistry(t)
	return &powers{T: t, Registry: g, db: db}
}

// account opens an account whose address is confirmed; organizationID "" opens an organisation too.
func (p *powers) account(name, organizationID string) *accounts.Account {
	r := accounts.Registration{Email: name + "@example.com", OrganizationID: organizationID, Environment: "live"}
	if organizationID == "" {
		r.Organization = "Org of " + name
	}
	a, err := p.Register(p.Context(), access.Operator, r)
	require.NoError(p, err)
	require.NoError(p, p.ConfirmEmail(p.Context(), access.Operator, a.Confirm.Token))
	return a
}

// with is who presents a key, as it is known now.
func (p *powers) with(key accounts.NewKey) access.Actor {
	ids, err := postgres.NewKeyStore(p.db, postgres.Pepper("pepper of the tests")).LookUp(p.Context(), key.Key.Fingerprint)
	require.NoError(p, err)
	return access.ActorOf(ids[0], netip.Addr{})
}

func (p *powers) invite(by access.Actor, organizationID string, u accounts.User, role string) string {
	_, secret, err := p.Invite(p.Context(), by, organizationID, accounts.InvitationSpec{Email: u.Email, Role: role, Mailed: true})
	require.NoError(p, err)
	return secret.Token
}

func (p *powers) forbidden(err error) {
	p.Helper()
	var f *accounts.ForbiddenError
	require.ErrorAs(p, err, &f)
}

func (p *powers) field(name string, err error) {
	p.Helper()
	var f *accounts.FieldError
	require.ErrorAs(p, err, &f)
	require.Equal(p, name, f.Field)
}

func (p *powers) conflict(err error) {
	p.Helper()
	var c *accounts.ConflictError
	require.ErrorAs(p, err, &c)
}

// Who goes from one organisation to another takes its powers along and leaves none behind: neither admin gets at the other
// organisation through the one who moved.
func TestMovingBetweenOrganizationsOpensNeither(t *testing.T) {
	t.Parallel()
	p := newPowers(t)
	old, fresh := p.account("old", ""), p.account("fresh", "")
	moe := p.account("moe", old.User.OrganizationID)
	oldKey := moe.Key.Key.KeyID
	token := p.invite(p.with(fresh.Key), fresh.User.OrganizationID, moe.User, accounts.RoleAdmin)
	_, err := p.AcceptInvitation(t.Context(), p.with(moe.Key), moe.User.ID, token)
	require.NoError(t, err)
	require.False(t, p.with(moe.Key).Key.OrganizationAdmin, "an admin elsewhere is none where the key was made")

	// The old organisation keeps the key and has nothing to do with its owner any more.
	by := p.with(old.Key)
	k, owner, err := p.Key(t.Context(), by, oldKey)
	require.NoError(t, err)
	require.Nil(t, owner)
	require.Empty(t, k.UserID)
	_, err = p.User(t.Context(), by, moe.User.ID)
	require.ErrorIs(t, err, accounts.ErrNotFound)
	_, err = p.CreateKey(t.Context(), by, accounts.KeySpec{UserID: moe.User.ID, Environment: "live"})
	require.ErrorIs(t, err, accounts.ErrNotFound)
	role := accounts.RoleMember
	_, err = p.ChangeUser(t.Context(), by, moe.User.ID, accounts.UserChange{Role: &role})
	require.ErrorIs(t, err, accounts.ErrNotFound)
	_, err = p.RotateKey(t.Context(), by, oldKey, 0)
	p.forbidden(err)

	// The new one manages its member, but gets no key that sees what the member did elsewhere.
	by = p.with(fresh.Key)
	_, err = p.User(t.Context(), by, moe.User.ID)
	require.NoError(t, err)
	_, err = p.CreateKey(t.Context(), by, accounts.KeySpec{UserID: moe.User.ID, Environment: "live"})
	p.forbidden(err)
	_, _, err = p.Key(t.Context(), by, oldKey)
	require.ErrorIs(t, err, accounts.ErrNotFound)
	own, err := p.CreateKey(t.Context(), p.with(moe.Key), accounts.KeySpec{UserID: moe.User.ID, Environment: "live"})
	require.NoError(t, err, "the user can")
	require.Equal(t, fresh.User.OrganizationID, own.Key.OrganizationID)
	_, err = p.RotateKey(t.Context(), by, own.Key.KeyID, 0)
	p.forbidden(err)

	_, err = p.RevokeKey(t.Context(), p.with(old.Key), oldKey)
	require.NoError(t, err, "a key that stayed may be ended")
}

// An admin of an organisation makes keys for members whose keys it sees anyway.
func TestAdminsMakeKeysForMembers(t *testing.T) {
	t.Parallel()
	p := newPowers(t)
	ada := p.account("ada", "")
	bea := p.account("bea", ada.User.OrganizationID)
	made, err := p.CreateKey(t.Context(), p.with(ada.Key), accounts.KeySpec{UserID: bea.User.ID, Environment: "live"})
	require.NoError(t, err)
	require.Equal(t, ada.Key.Key.Allowance.ID, made.Key.Allowance.ID, "a new key is not a new quota")
	_, err = p.CreateKey(t.Context(), p.with(bea.Key), accounts.KeySpec{UserID: ada.User.ID, Environment: "live"})
	require.ErrorIs(t, err, accounts.ErrNotFound, "not the other way round")
	_, err = p.RotateKey(t.Context(), p.with(ada.Key), bea.Key.Key.KeyID, time.Hour)
	require.NoError(t, err)
}

// No key makes one that can do more than itself, whatever is asked for.
func TestKeysMakeNoStrongerOnes(t *testing.T) {
	t.Parallel()
	p := newPowers(t)
	ada := p.account("ada", "")
	end := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	network := netip.MustParsePrefix("203.0.113.0/24")
	weak, err := p.CreateKey(t.Context(), access.Operator, accounts.KeySpec{
		UserID: ada.User.ID, Environment: "sandbox", Scopes: []string{apikey.ScopeAccountWrite, apikey.ScopeUsageRead}, ExpiresAt: end, Addresses: []netip.Prefix{network},
	})
	require.NoError(t, err)
	by := p.with(*weak)
	base := accounts.KeySpec{UserID: ada.User.ID, Environment: "sandbox", ExpiresAt: end, Addresses: []netip.Prefix{network}}
	f := func(field string, change func(*accounts.KeySpec)) {
		t.Helper()
		spec := base
		change(&spec)
		_, err := p.CreateKey(t.Context(), by, spec)
		p.field(field, err)
	}
	f("environment", func(s *accounts.KeySpec) { s.Environment = "live" })
	for _, scope := range []string{apikey.ScopeAdmin, apikey.ScopeAnalyticsRead, apikey.ScopeKeysVerify, apikey.ScopeTelemetryWriteAny, apikey.ScopeTelemetryWrite} {
		f("scopes", func(s *accounts.KeySpec) { s.Scopes = []string{scope} })
	}
	f("expires_at", func(s *accounts.KeySpec) { s.ExpiresAt = time.Time{} })
	f("expires_at", func(s *accounts.KeySpec) { s.ExpiresAt = end.Add(time.Second) })
	f("allowed_addresses", func(s *accounts.KeySpec) { s.Addresses = nil })
	f("allowed_addresses", func(s *accounts.KeySpec) { s.Addresses = []netip.Prefix{netip.MustParsePrefix("203.0.112.0/23")} })
	f("allowed_addresses", func(s *accounts.KeySpec) { s.Addresses = append(s.Addresses, netip.MustParsePrefix("::/0")) })
	f("requests_per_hour", func(s *accounts.KeySpec) { s.PerHour = 1 })
	f("requests_per_month", func(s *accounts.KeySpec) { s.PerMonth = 1 })
	f("user_id", func(s *accounts.KeySpec) { s.UserID, s.Scopes = "", []string{apikey.ScopeUsageRead} })

	made, err := p.CreateKey(t.Context(), by, base)
	require.NoError(t, err)
	require.Equal(t, []string{apikey.ScopeUsageRead, apikey.ScopeAccountWrite}, made.Key.Scopes, "of a customer's usual scopes those that it has")
	changes := map[string]accounts.KeyChange{
		"scopes":             {Scopes: &[]string{apikey.ScopeTelemetryWrite}},
		"expires_at":         {ExpiresAt: &time.Time{}},
		"allowed_addresses":  {Addresses: &[]netip.Prefix{}},
		"requests_per_hour":  {PerHour: new(int64)},
		"requests_per_month": {PerMonth: new(int64)},
	}
	for field, change := range changes {
		for _, target := range []string{weak.Key.KeyID, made.Key.KeyID} {
			_, err := p.ChangeKey(t.Context(), by, target, change)
			p.field(field, err)
		}
	}
	// Of a stronger key in view it may take away, and no more.
	strong, err := p.CreateKey(t.Context(), access.Operator, accounts.KeySpec{UserID: ada.User.ID, Environment: "sandbox"})
	require.NoError(t, err)
	name := "mine"
	_, err = p.ChangeKey(t.Context(), by, strong.Key.KeyID, accounts.KeyChange{Name: &name})
	p.forbidden(err)
	_, err = p.RotateKey(t.Context(), by, strong.Key.KeyID, 0)
	p.forbidden(err)
	_, err = p.RotateKey(t.Context(), by, ada.Key.Key.KeyID, 0)
	require.ErrorIs(t, err, accounts.ErrNotFound, "a live one does not exist for a sandbox key")
	_, err = p.RevokeKey(t.Context(), by, strong.Key.KeyID)
	require.NoError(t, err)
}

func TestOrganizationsKeepAnAdmin(t *testing.T) {
	t.Parallel()
	p := newPowers(t)
	ada, other := p.account("ada", ""), p.account("other", "")
	bea := p.account("bea", ada.User.OrganizationID)
	member, admin := accounts.RoleMember, accounts.RoleAdmin
	_, err := p.ChangeUser(t.Context(), p.with(ada.Key), ada.User.ID, accounts.UserChange{Role: &member})
	p.conflict(err)
	token := p.invite(access.Operator, other.User.OrganizationID, ada.User, accounts.RoleMember)
	_, err = p.AcceptInvitation(t.Context(), p.with(ada.Key), ada.User.ID, token)
	p.conflict(err)
	_, err = p.ChangeUser(t.Context(), p.with(ada.Key), bea.User.ID, accounts.UserChange{Role: &admin})
	require.NoError(t, err)

	// Two admins who make members of each other at the same time: one of them remains.
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, pair := range [][2]*accounts.Account{{ada, bea}, {bea, ada}} {
		by := p.with(pair[0].Key)
		wg.Go(func() {
			_, errs[i] = p.ChangeUser(t.Context(), by, pair[1].User.ID, accounts.UserChange{Role: &member})
		})
	}
	wg.Wait()
	require.True(t, (errs[0] == nil) != (errs[1] == nil), "%v", errs)
	p.conflict(errors.Join(errs...))
}

func TestInvitationsAreForOnePerson(t *testing.T) {
	t.Parallel()
	p := newPowers(t)
	ada, eve := p.account("ada", ""), p.account("eve", "")
	bob := p.account("bob", eve.User.OrganizationID)
	accept := func(a *accounts.Account, token string) error {
		_, err := p.AcceptInvitation(t.Context(), p.with(a.Key), a.User.ID, token)
		return err
	}
	token := p.invite(p.with(ada.Key), ada.User.OrganizationID, bob.User, accounts.RoleAdmin)
	require.ErrorIs(t, accept(eve, token), accounts.ErrBadToken, "who found the token is not who was invited")
	_, err := p.Register(t.Context(), access.Operator, accounts.Registration{Email: "eve@example.com", Invitation: token, Environment: "live"})
	require.ErrorIs(t, err, accounts.ErrBadToken)

	// Used once, by two at the same time too.
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		by := p.with(bob.Key)
		wg.Go(func() { _, errs[i] = p.AcceptInvitation(t.Context(), by, bob.User.ID, token) })
	}
	wg.Wait()
	accepted := 0
	for _, err := range errs {
		if err == nil {
			accepted++
		} else {
			require.ErrorIs(t, err, accounts.ErrBadToken)
		}
	}
	require.Equal(t, 1, accepted)

	i, secret, err := p.Invite(t.Context(), p.with(ada.Key), ada.User.OrganizationID, accounts.InvitationSpec{Email: eve.User.Email, Role: accounts.RoleMember})
	require.NoError(t, err)
	require.ErrorIs(t, p.RevokeInvitation(t.Context(), p.with(eve.Key), eve.User.OrganizationID, i.ID), accounts.ErrNotFound)
	require.NoError(t, p.RevokeInvitation(t.Context(), p.with(ada.Key), ada.User.OrganizationID, i.ID))
	require.ErrorIs(t, accept(eve, secret.Token), accounts.ErrBadToken)
	require.ErrorIs(t, accept(eve, ""), accounts.ErrBadToken)
	require.ErrorIs(t, accept(eve, string(make([]byte, 10<<10))), accounts.ErrBadToken)
}

// A token that was handed over says nothing about who reads the mail of the address.
func TestOnlyMailedInvitationsConfirm(t *testing.T) {
	t.Parallel()
	p := newPowers(t)
	ada := p.account("ada", "")
	for _, mailed := range []bool{false, true} {
		spec := accounts.InvitationSpec{Email: "new@example.com", Role: accounts.RoleAdmin, Mailed: mailed}
		_, secret, err := p.Invite(t.Context(), p.with(ada.Key), ada.User.OrganizationID, spec)
		require.NoError(t, err)
		joined, err := p.Register(t.Context(), access.Operator, accounts.Registration{Email: "NEW@example.com", Invitation: secret.Token, Environment: "live"})
		require.NoError(t, err)
		role := access.RoleOf(p.with(joined.Key).Key)
		require.Equal(t, mailed, role == access.OrganizationAdmin, role)
		require.Equal(t, mailed, joined.Confirm == nil)
	}
}

// An invitation to an organisation that was merged meanwhile leads nowhere, and the admin of the merged one manages the whole.
func TestMergedOrganizations(t *testing.T) {
	t.Parallel()
	p := newPowers(t)
	ada, bob, eve := p.account("ada", ""), p.account("bob", ""), p.account("eve", "")
	token := p.invite(p.with(ada.Key), ada.User.OrganizationID, eve.User, accounts.RoleMember)
	_, err := p.MergeOrganization(t.Context(), access.Operator, ada.User.OrganizationID, bob.User.OrganizationID)
	require.NoError(t, err)
	_, err = p.AcceptInvitation(t.Context(), p.with(eve.Key), eve.User.ID, token)
	require.ErrorIs(t, err, accounts.ErrBadToken)
	_, _, err = p.Invite(t.Context(), p.with(bob.Key), ada.User.OrganizationID, accounts.InvitationSpec{Email: eve.User.Email, Role: accounts.RoleMember})
	p.conflict(err)
	for _, a := range []*accounts.Account{ada, bob} {
		k, _, err := p.Key(t.Context(), p.with(bob.Key), a.Key.Key.KeyID)
		require.NoError(t, err)
		require.Equal(t, bob.User.OrganizationID, k.OrganizationID)
	}
	_, err = p.MergeOrganization(t.Context(), access.Operator, bob.User.OrganizationID, ada.User.OrganizationID)
	p.conflict(err)
	_, err = p.MergeOrganization(t.Context(), p.with(bob.Key), bob.User.OrganizationID, eve.User.OrganizationID)
	require.ErrorIs(t, err, accounts.ErrNotFound, "nobody merges what it does not see")
}

func TestConfirmationTokens(t *testing.T) {
	t.Parallel()
	p := newPowers(t)
	una, err := p.Register(t.Context(), access.Operator, accounts.Registration{Email: "una@example.com", Organization: "Una's", Environment: "live"})
	require.NoError(t, err)
	require.Equal(t, access.View{KeyID: una.Key.Key.KeyID}, p.with(una.Key).View)
	second, err := p.RequestConfirmation(t.Context(), p.with(una.Key), una.User.ID)
	require.NoError(t, err)
	require.ErrorIs(t, p.ConfirmEmail(t.Context(), access.ActorOf(nil, netip.Addr{}), una.Confirm.Token), accounts.ErrBadToken, "void")
	yes := true
	_, err = p.ChangeUser(t.Context(), p.with(una.Key), una.User.ID, accounts.UserChange{Confirmed: &yes})
	p.field("email_confirmed", err)
	other := p.account("other", "")
	_, err = p.RequestConfirmation(t.Context(), p.with(other.Key), una.User.ID)
	require.ErrorIs(t, err, accounts.ErrNotFound)
	require.NoError(t, p.ConfirmEmail(t.Context(), access.ActorOf(nil, netip.Addr{}), second.Token))
	require.ErrorIs(t, p.ConfirmEmail(t.Context(), access.ActorOf(nil, netip.Addr{}), second.Token), accounts.ErrBadToken, "once")
	require.Equal(t, access.View{OrganizationID: una.User.OrganizationID}, p.with(una.Key).View)
}
