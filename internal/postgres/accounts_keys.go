package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

// selectKeys has no fingerprint: only a digest of it is stored, which the reader's role may not see.
const selectKeys = `
SELECT k.seq, k.id, k.environment, k.scopes, k.name, k.hint, k.created_at, k.expires_at, k.revoked_at, k.allowed_addresses,
	coalesce((SELECT id FROM api_keys WHERE seq = k.rotated_from AND ($1 OR seq = ANY ($2))), ''),
	a.seq, coalesce(a.requests_per_hour, 0), coalesce(a.requests_per_month, 0), k.last_used,
	k.claimed_email, k.claimed_organization, k.claimed_metadata, k.claimed_at, k.user_seq, k.organization, o.id, o.name, ` + userColumns + `
FROM api_keys k
JOIN allowances a ON a.seq = k.allowance
LEFT JOIN users u ON u.seq = k.user_seq AND ` + userInView + `
LEFT JOIN organizations home ON home.seq = u.organization
LEFT JOIN organizations made_in ON made_in.seq = k.organization
LEFT JOIN organizations o ON o.seq = coalesce(made_in.merged_into, made_in.seq) AND ` + organizationInView + `
WHERE ` + keyInView

const listKeys = selectKeys + `
	AND ($5 = '' OR u.id = $5) AND ($6 = '' OR o.id = $6) AND ($7 = '' OR k.environment = $7)
	AND (NOT $8 OR (k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())))
	AND k.seq > $9
ORDER BY k.seq LIMIT $10`

// Keys implements accounts.Registry.
func (g *Registry) Keys(ctx context.Context, by access.Actor, f accounts.KeyFilter, p accounts.Page) (accounts.Listed[accounts.Key], error) {
	var found accounts.Listed[accounts.Key]
	err := g.do(ctx, by, func(d *deed) error {
		organization, err := d.remaining(ctx, f.OrganizationID)
		if err != nil {
			return err
		}
		if found, err = list(ctx, d, p, listKeys, d.args(f.UserID, organization, f.Environment, f.Active, p.After, p.Limit+1), listedKey); err != nil {
			return err
		}
		return d.note(ctx, by.Reads(access.KeyRead, "", filled(map[string]any{"user_id": f.UserID, "organization_id": f.OrganizationID})))
	})
	if err != nil {
		return found, fmt.Errorf("cannot list keys: %w", err)
	}
	return found, nil
}

func listedKey(row pgx.CollectableRow) (accounts.Key, int64, error) {
	k, err := scanKey(row)
	return k.Key, int64(k.seq), err
}

// Key implements accounts.Registry.
func (g *Registry) Key(ctx context.Context, by access.Actor, keyID string) (*accounts.Key, *accounts.User, error) {
	var found keyRow
	err := g.do(ctx, by, func(d *deed) (err error) {
		if found, err = d.findKey(ctx, keyID); err != nil {
			return err
		}
		return d.note(ctx, by.Reads(access.KeyRead, keyID, nil))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot find the key: %w", err)
	}
	return &found.Key, found.owner, nil
}

const oneKey = selectKeys + `
	AND k.id = $5`

// findKey finds a key in the actor's view.
func (d *deed) findKey(ctx context.Context, keyID string) (found keyRow, err error) {
	err = d.look(ctx, func() error {
		found, err = scanKey(d.QueryRow(ctx, oneKey, d.args(keyID)...))
		return err
	})
	return found, err
}

// keyRow is a row of selectKeys.
type keyRow struct {
	accounts.Key
	owner                     *accounts.User // nil for the platform's own keys, and when the owner is not in view
	seq                       int32
	userSeq, organizationMade *int32
}

func scanKey(row pgx.Row) (keyRow, error) {
	var k keyRow
	var expires, revoked, used, claimedAt *time.Time
	var claimedEmail, claimedOrganization, organizationID, organizationName *string
	var metadata []byte
	var u userRow
	err := row.Scan(append([]any{&k.seq, &k.KeyID, &k.Environment, &k.Scopes, &k.Name, &k.Hint, &k.CreatedAt, &expires, &revoked, &k.Addresses,
		&k.RotatedFrom, &k.Allowance.ID, &k.Allowance.PerHour, &k.Allowance.PerMonth, &used,
		&claimedEmail, &claimedOrganization, &metadata, &claimedAt, &k.userSeq, &k.organizationMade, &organizationID, &organizationName}, u.places()...)...)
	if err != nil {
		return k, err
	}
	if metadata != nil {
		if err := json.Unmarshal(metadata, &k.Claimed.Metadata); err != nil {
			return k, err
		}
	}
	k.Claimed.Email, k.Claimed.Organization, k.Claimed.At = text(claimedEmail), text(claimedOrganization), utc(claimedAt)
	k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.LastUsedAt = k.CreatedAt.UTC(), utc(expires), utc(revoked), utc(used)
	k.OrganizationID, k.OrganizationName, k.Confirmed = text(organizationID), text(organizationName), k.userSeq == nil
	if k.owner = u.user(); k.owner != nil {
		k.UserID, k.UserEmail, k.Confirmed = k.owner.ID, k.owner.Email, !k.owner.ConfirmedAt.IsZero()
	}
	return k, nil
}
