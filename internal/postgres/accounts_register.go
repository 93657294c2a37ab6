package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Register implements accounts.Registry.
func (g *Registry) Register(ctx context.Context, by access.Actor, r accounts.Registration) (*accounts.Account, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	a := &accounts.Account{}
	err := g.do(ctx, by, func(d *deed) error {
		to, err := g.placeFor(ctx, d, r)
		if err != nil {
			return err
		}
		o, err := d.insertUser(ctx, to, r)
		if err != nil {
			return err
		}
		a.User = *o.user
		allowance := apikey.Allowance{PerHour: r.PerHour, PerMonth: r.PerMonth}
		if err := d.QueryRow(ctx, insertAllowance, allowance.PerHour, allowance.PerMonth).Scan(&allowance.ID); err != nil {
			return err
		}
		key, err := g.insertKey(ctx, d, o, accounts.KeySpec{Environment: r.Environment, Scopes: accounts.CustomerScopes}, allowance, nil)
		if err != nil {
			return err
		}
		a.Key = *key
		if !to.confirmed {
			if a.Confirm, err = g.insertConfirmation(ctx, d, *o.seq, r.Email); err != nil {
				return err
			}
		}
		return d.note(ctx, by.Does(access.UserCreate, a.User.ID, map[string]any{"organization_id": to.id, "key_id": key.Key.KeyID}))
	})
	if err != nil {
		return nil, fmt.Errorf("cannot register a user: %w", err)
	}
	return a, nil
}

// membership is where a new user belongs.
type membership struct {
	seq       int32
	id, name  string
	role      string
	confirmed bool // the address is known to be the user's own
}

const (
	findOrganization = `
SELECT o.seq, o.id, o.name FROM organizations asked JOIN organizations o ON o.seq = coalesce(asked.merged_into, asked.seq)
WHERE asked.id = $1`
	insertOrganization = `INSERT INTO organizations (id, name) VALUES ($1, $2) RETURNING seq`
)

// placeFor is the organisation of an invitation, the one that an admin named, or a new one, whatever others are called. Who
// opens an organisation manages it.
func (g *Registry) placeFor(ctx context.Context, d *deed, r accounts.Registration) (membership, error) {
	if r.Invitation != "" {
		return g.takeInvitation(ctx, d, r.Invitation, r.Email)
	}
	to := membership{role: accounts.RoleMember}
	if r.OrganizationID != "" {
		err := d.QueryRow(ctx, findOrganization, r.OrganizationID).Scan(&to.seq, &to.id, &to.name)
		return to, err
	}
	to = membership{id: apikey.NewID("org_"), name: r.Organization, role: accounts.RoleAdmin}
	err := d.QueryRow(ctx, insertOrganization, to.id, to.name).Scan(&to.seq)
	return to, err
}

const insertUserRow = `
INSERT INTO users (id, email, email_folded, name, organization, use_case, expected_volume, role, email_confirmed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $9 THEN now() END)
RETURNING seq, created_at, email_confirmed_at`

func (d *deed) insertUser(ctx context.Context, to membership, r accounts.Registration) (owner, error) {
	u := &accounts.User{
		ID: apikey.NewID("usr_"), Email: r.Email, Name: r.Name, Role: to.role, OrganizationID: to.id, OrganizationName: to.name,
		UseCase: r.UseCase, ExpectedVolume: r.ExpectedVolume,
	}
	var seq int32
	var confirmed *time.Time
	err := d.QueryRow(ctx, insertUserRow, u.ID, u.Email, accounts.FoldEmail(u.Email), u.Name, to.seq, u.UseCase, u.ExpectedVolume, u.Role,
		to.confirmed).Scan(&seq, &u.CreatedAt, &confirmed)
	u.CreatedAt, u.ConfirmedAt = u.CreatedAt.UTC(), utc(confirmed)
	return owner{seq: &seq, organization: &to.seq, user: u}, err
}

const (
	insertConfirmationRow = `
INSERT INTO confirmations (digest, user_seq, email, expires_at) VALUES ($1, $2, $3, now() + $4) RETURNING expires_at`
	forgetConfirmations = `DELETE FROM confirmations WHERE expires_at < now() OR user_seq = $1`
	confirmUser         = `
WITH token AS (DELETE FROM confirmations WHERE digest = $1 RETURNING user_seq, email, expires_at)
UPDATE users u SET email_confirmed_at = coalesce(u.email_confirmed_at, now())
FROM token WHERE u.seq = token.user_seq AND u.email = token.email AND token.expires_at > now()
RETURNING u.id`
)

// insertConfirmation makes a token that takes the place of earlier ones.
func (g *Registry) insertConfirmation(ctx context.Context, d *deed, user int32, email string) (*accounts.Secret, error) {
	if _, err := d.Exec(ctx, forgetConfirmations, user); err != nil {
		return nil, err
	}
	s := &accounts.Secret{Token: apikey.NewToken(), Email: email}
	err := d.QueryRow(ctx, insertConfirmationRow, g.digest(s.Token), user, email, accounts.ConfirmPeriod).Scan(&s.ExpiresAt)
	s.ExpiresAt = s.ExpiresAt.UTC()
	return s, err
}

// RequestConfirmation implements accounts.Registry.
func (g *Registry) RequestConfirmation(ctx context.Context, by access.Actor, userID string) (*accounts.Secret, error) {
	var s *accounts.Secret
	err := g.do(ctx, by, func(d *deed) error {
		u, err := d.findOwner(ctx, userID)
		if err != nil || !u.user.ConfirmedAt.IsZero() {
			return err
		}
		s, err = g.insertConfirmation(ctx, d, *u.seq, u.user.Email)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot make a confirmation: %w", err)
	}
	return s, nil
}

// ConfirmEmail implements accounts.Registry.
func (g *Registry) ConfirmEmail(ctx context.Context, by access.Actor, token string) error {
	used := false
	err := g.do(ctx, by, func(d *deed) error {
		var userID string
		switch err := d.QueryRow(ctx, confirmUser, g.digest(token)).Scan(&userID); err {
		case nil:
			used = true
			return d.note(ctx, by.Does(access.UserConfirm, userID, nil))
		case pgx.ErrNoRows: // commits: an expired token is gone
			return nil
		default:
			return err
		}
	})
	if err == nil && !used {
		err = accounts.ErrBadToken
	}
	if err != nil {
		return fmt.Errorf("cannot confirm an address: %w", err)
	}
	return nil
}

// digest is the form in which a token is stored.
func (g *Registry) digest(token string) []byte {
	return apikey.Digest(g.pepper, apikey.FingerprintOf(token))
}
