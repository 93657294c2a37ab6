package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// owner is whom a key is made for. The zero owner is the platform itself.
type owner struct {
	seq          *int32 // users.seq
	organization *int32
	user         *accounts.User
}

// CreateKey implements accounts.Registry.
func (g *Registry) CreateKey(ctx context.Context, by access.Actor, spec accounts.KeySpec) (*accounts.NewKey, error) {
	if err := spec.Check(by.Bound(), time.Now()); err != nil {
		return nil, err
	}
	var key *accounts.NewKey
	err := g.do(ctx, by, func(d *deed) error {
		var o owner
		var err error
		if spec.UserID != "" {
			if o, err = d.findOwner(ctx, spec.UserID); err != nil {
				return err
			}
			if err := d.maySpeakFor(ctx, o); err != nil {
				return err
			}
		}
		allowance, err := d.allowanceFor(ctx, spec)
		if err != nil {
			return err
		}
		if key, err = g.insertKey(ctx, d, o, spec, allowance, nil); err != nil {
			return err
		}
		return d.note(ctx, by.Does(access.KeyCreate, key.Key.KeyID, filled(map[string]any{
			"user_id": spec.UserID, "environment": spec.Environment, "scopes": key.Key.Scopes,
		})))
	})
	if err != nil {
		return nil, fmt.Errorf("cannot create a key: %w", err)
	}
	return key, nil
}

const keysElsewhere = `SELECT EXISTS (SELECT FROM api_keys WHERE user_seq = $1 AND NOT seq = ANY ($2))`

// maySpeakFor keeps an actor from getting hold of a key that sees more than its own. A user's key sees all that the user's
// keys did, in other organisations too, which the admin of one has nothing to do with.
func (d *deed) maySpeakFor(ctx context.Context, o owner) error {
	bound := d.by.Bound()
	if bound == nil || bound.UserID == o.user.ID {
		return nil
	}
	var elsewhere bool
	if err := d.QueryRow(ctx, keysElsewhere, o.seq, d.keys).Scan(&elsewhere); err != nil || !elsewhere {
		return err
	}
	return &accounts.ForbiddenError{Message: "the user has keys outside the organisation, which a new key of the user would see; the user can make it"}
}

const insertAllowance = `INSERT INTO allowances (requests_per_hour, requests_per_month) VALUES (nullif($1, 0), nullif($2, 0)) RETURNING seq`

// allowanceFor is that of the key that asks, or a new one.
func (d *deed) allowanceFor(ctx context.Context, spec accounts.KeySpec) (apikey.Allowance, error) {
	if bound := d.by.Bound(); bound != nil {
		return bound.Allowance, nil
	}
	a := apikey.Allowance{PerHour: spec.PerHour, PerMonth: spec.PerMonth}
	err := d.QueryRow(ctx, insertAllowance, a.PerHour, a.PerMonth).Scan(&a.ID)
	return a, err
}

const insertKeyRow = `
INSERT INTO api_keys (id, digest, pepper_id, hint, user_seq, organization, environment, scopes, name, expires_at, allowance, allowed_addresses, rotated_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING created_at`

func (g *Registry) insertKey(ctx context.Context, d *deed, o owner, spec accounts.KeySpec, allowance apikey.Allowance, replaces *keyRow) (*accounts.NewKey, error) {
	raw, err := apikey.Generate(spec.Environment, slices.Contains(spec.Scopes, apikey.ScopeAdmin))
	if err != nil {
		return nil, fmt.Errorf("cannot make a key: %w", err)
	}
	k := accounts.Key{Hint: apikey.Hint(raw), Name: spec.Name, Identity: apikey.Identity{
		KeyID: apikey.NewID("key_"), Fingerprint: apikey.FingerprintOf(raw), Environment: spec.Environment,
		Scopes: slices.Clone(spec.Scopes), ExpiresAt: spec.ExpiresAt, Addresses: append([]netip.Prefix{}, spec.Addresses...),
		Allowance: allowance, Confirmed: true,
	}}
	if u := o.user; u != nil {
		k.UserID, k.UserEmail, k.OrganizationID, k.OrganizationName = u.ID, u.Email, u.OrganizationID, u.OrganizationName
		k.OrganizationAdmin, k.Confirmed = u.Role == accounts.RoleAdmin, !u.ConfirmedAt.IsZero()
	}
	var rotatedFrom *int32
	if replaces != nil {
		k.RotatedFrom, rotatedFrom = replaces.KeyID, &replaces.seq
	}
	err = d.QueryRow(ctx, insertKeyRow, k.KeyID, apikey.Digest(g.pepper, k.Fingerprint), g.pepper.ID(), k.Hint, o.seq, o.organization,
		k.Environment, k.Scopes, k.Name, orNull(k.ExpiresAt), k.Allowance.ID, k.Addresses, rotatedFrom).Scan(&k.CreatedAt)
	k.CreatedAt = k.CreatedAt.UTC()
	return &accounts.NewKey{Raw: raw, Key: k}, err
}

const (
	changeKeyRow = `
UPDATE api_keys SET name = coalesce($2, name), scopes = coalesce($3, scopes), allowed_addresses = coalesce($4, allowed_addresses),
	expires_at = CASE WHEN $5 THEN $6 ELSE expires_at END
WHERE seq = $1`
	changeAllowance = `
UPDATE allowances SET requests_per_hour = nullif(coalesce($2, requests_per_hour), 0), requests_per_month = nullif(coalesce($3, requests_per_month), 0)
WHERE seq = $1`
)

// ChangeKey implements accounts.Registry.
func (g *Registry) ChangeKey(ctx context.Context, by access.Actor, keyID string, c accounts.KeyChange) (*accounts.Key, error) {
	if err := c.Check(by.Bound(), time.Now()); err != nil {
		return nil, err
	}
	var changed keyRow
	err := g.do(ctx, by, func(d *deed) error {
		k, err := d.lockKey(ctx, keyID)
		if err != nil {
			return err
		}
		if err := accounts.CheckNoStronger(by.Bound(), &k.Key); err != nil {
			return err
		}
		if !k.RevokedAt.IsZero() {
			return &accounts.ConflictError{Message: "the key is revoked, which cannot be taken back"}
		}
		if err := d.changeKey(ctx, &k, c); err != nil {
			return err
		}
		if err := d.note(ctx, by.Does(access.KeyChange, keyID, changesOf(c))); err != nil {
			return err
		}
		changed, err = d.findKey(ctx, keyID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot change the key: %w", err)
	}
	return &changed.Key, nil
}

func (d *deed) changeKey(ctx context.Context, k *keyRow, c accounts.KeyChange) error {
	var expires *time.Time
	if c.ExpiresAt != nil {
		expires = orNull(*c.ExpiresAt)
	}
	if _, err := d.Exec(ctx, changeKeyRow, k.seq, c.Name, c.Scopes, c.Addresses, c.ExpiresAt != nil, expires); err != nil {
		return err
	}
	if c.PerHour == nil && c.PerMonth == nil {
		return nil
	}
	_, err := d.Exec(ctx, changeAllowance, k.Allowance.ID, c.PerHour, c.PerMonth)
	return err
}

// changesOf is a change as the trail keeps it.
func changesOf(c accounts.KeyChange) map[string]any {
	details := map[string]any{}
	if c.Name != nil {
		details["name"] = *c.Name
	}
	if c.Scopes != nil {
		details["scopes"] = *c.Scopes
	}
	if c.Addresses != nil {
		details["allowed_addresses"] = *c.Addresses
	}
	if c.ExpiresAt != nil {
		details["expires_at"] = orNull(*c.ExpiresAt)
	}
	if c.PerHour != nil {
		details["requests_per_hour"] = *c.PerHour
	}
	if c.PerMonth != nil {
		details["requests_per_month"] = *c.PerMonth
	}
	return details
}
