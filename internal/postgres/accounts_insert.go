package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// organization is a row that users belong to.
type organization struct {
	seq      int32
	id, name string
}

// owner is whom a key is made for. The zero owner is the platform itself.
type owner struct {
	seq          *int32 // users.seq
	organization *int32
	user         *accounts.User
}

const (
	findOrganization   = `SELECT seq, id, name FROM organizations WHERE id = $1`
	insertOrganization = `INSERT INTO organizations (id, name) VALUES ($1, $2) RETURNING seq`
)

// organizationFor is the organisation that a registration names by its id, else a new one, whatever others are called.
func organizationFor(ctx context.Context, tx pgx.Tx, r accounts.Registration) (organization, error) {
	var o organization
	if r.OrganizationID != "" {
		err := tx.QueryRow(ctx, findOrganization, r.OrganizationID).Scan(&o.seq, &o.id, &o.name)
		return o, err
	}
	o = organization{id: apikey.NewID("org_"), name: r.Organization}
	err := tx.QueryRow(ctx, insertOrganization, o.id, o.name).Scan(&o.seq)
	return o, err
}

const insertUserRow = `
INSERT INTO users (id, email, email_folded, name, organization, use_case, expected_volume, role)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING seq, created_at`

func insertUser(ctx context.Context, tx pgx.Tx, org organization, r accounts.Registration) (owner, error) {
	u := &accounts.User{
		ID: apikey.NewID("usr_"), Email: r.Email, Name: r.Name,
		OrganizationID: org.id, OrganizationName: org.name,
		UseCase: r.UseCase, ExpectedVolume: r.ExpectedVolume, Role: accounts.RoleMember,
	}
	if r.OrganizationID == "" { // who opens an organisation manages it
		u.Role = accounts.RoleAdmin
	}
	var seq int32
	err := tx.QueryRow(ctx, insertUserRow,
		u.ID, u.Email, accounts.FoldEmail(u.Email), u.Name, org.seq, u.UseCase, u.ExpectedVolume, u.Role,
	).Scan(&seq, &u.CreatedAt)
	u.CreatedAt = u.CreatedAt.UTC()
	return owner{seq: &seq, organization: &org.seq, user: u}, err
}

const findOwnerRow = `
SELECT u.seq, o.seq, ` + userColumns + `
FROM users u JOIN organizations o ON o.seq = u.organization
WHERE u.id = $1`

func findOwner(ctx context.Context, tx pgx.Tx, userID string) (owner, error) {
	var seq, org int32
	var u userRow
	err := tx.QueryRow(ctx, findOwnerRow, userID).Scan(append([]any{&seq, &org}, u.places()...)...)
	return owner{seq: &seq, organization: &org, user: u.user()}, err
}

const insertKeyRow = `
WITH own AS (INSERT INTO allowances DEFAULT VALUES RETURNING seq)
INSERT INTO api_keys (id, digest, pepper_id, hint, user_seq, organization, environment, scopes, name, expires_at, allowance)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, own.seq FROM own
RETURNING created_at, allowance`

func (g *Registry) insertKey(ctx context.Context, tx pgx.Tx, o owner, spec accounts.KeySpec) (*accounts.NewKey, error) {
	raw, err := apikey.Generate(spec.Environment, slices.Contains(spec.Scopes, apikey.ScopeAdmin))
	if err != nil {
		return nil, fmt.Errorf("cannot make a key: %w", err)
	}
	id := apikey.Identity{
		KeyID: apikey.NewID("key_"), Fingerprint: apikey.FingerprintOf(raw),
		Environment: spec.Environment, Scopes: slices.Clone(spec.Scopes), ExpiresAt: spec.ExpiresAt, Addresses: []netip.Prefix{}, Confirmed: true,
	}
	if u := o.user; u != nil {
		id.UserID, id.UserEmail = u.ID, u.Email
		id.OrganizationID, id.OrganizationName = u.OrganizationID, u.OrganizationName
		id.OrganizationAdmin, id.Confirmed = u.Role == accounts.RoleAdmin, !u.ConfirmedAt.IsZero()
	}
	err = tx.QueryRow(ctx, insertKeyRow,
		id.KeyID, apikey.Digest(g.pepper, id.Fingerprint), g.pepper.ID(), apikey.Hint(raw),
		o.seq, o.organization, id.Environment, id.Scopes, spec.Name, orNull(spec.ExpiresAt),
	).Scan(&id.CreatedAt, &id.Allowance.ID)
	id.CreatedAt = id.CreatedAt.UTC()
	return &accounts.NewKey{Raw: raw, Identity: id}, err
}

// orNull turns the zero time into NULL.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
