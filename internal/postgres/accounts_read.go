package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// selectKeys has no fingerprint: only a digest of it is stored.
const selectKeys = `
SELECT k.id, k.environment, k.scopes, k.name, k.hint, k.created_at, k.expires_at, k.revoked_at,
	k.allowed_addresses, a.seq, coalesce(a.requests_per_hour, 0), coalesce(a.requests_per_month, 0), k.last_used,
	k.claimed_email, k.claimed_organization, k.claimed_metadata, k.claimed_at, ` + userColumns + `
FROM api_keys k
JOIN allowances a ON a.seq = k.allowance
LEFT JOIN users u ON u.seq = k.user_seq
LEFT JOIN organizations made_in ON made_in.seq = k.organization
LEFT JOIN organizations o ON o.seq = coalesce(made_in.merged_into, made_in.seq)`

const listKeys = selectKeys + `
WHERE ($1 = '' OR u.id = $1) AND ($2 = '' OR o.id = $2)
	AND (NOT $3 OR (k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())))
ORDER BY k.seq`

// Keys implements accounts.Registry.
func (g *Registry) Keys(ctx context.Context, f accounts.Filter) ([]accounts.Key, error) {
	rows, err := g.pool.Query(ctx, listKeys, f.UserID, f.OrganizationID, f.Active)
	if err != nil {
		return nil, fmt.Errorf("cannot list keys: %w", publicAccount(err))
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (accounts.Key, error) {
		k, _, err := scanKey(row)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list keys: %w", publicAccount(err))
	}
	return keys, nil
}

const oneKey = selectKeys + `
WHERE k.id = $1`

// Key implements accounts.Registry.
func (g *Registry) Key(ctx context.Context, keyID string) (*accounts.Key, *accounts.User, error) {
	k, u, err := scanKey(g.pool.QueryRow(ctx, oneKey, keyID))
	if err != nil {
		return nil, nil, fmt.Errorf("cannot find the key: %w", publicAccount(err))
	}
	return &k, u, nil
}

// scanKey reads a row of selectKeys.
func scanKey(row pgx.Row) (accounts.Key, *accounts.User, error) {
	var k accounts.Key
	var expires, revoked, used, claimedAt *time.Time
	var claimedEmail, claimedOrganization *string
	var metadata []byte
	var u userRow
	err := row.Scan(append([]any{&k.KeyID, &k.Environment, &k.Scopes, &k.Name, &k.Hint, &k.CreatedAt, &expires, &revoked,
		&k.Addresses, &k.Allowance.ID, &k.Allowance.PerHour, &k.Allowance.PerMonth, &used,
		&claimedEmail, &claimedOrganization, &metadata, &claimedAt}, u.places()...)...)
	if err != nil {
		return k, nil, err
	}
	if metadata != nil {
		if err := json.Unmarshal(metadata, &k.Claimed.Metadata); err != nil {
			return k, nil, err
		}
	}
	k.Claimed.Email, k.Claimed.Organization, k.Claimed.At = text(claimedEmail), text(claimedOrganization), utc(claimedAt)
	k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.LastUsedAt = k.CreatedAt.UTC(), utc(expires), utc(revoked), utc(used)
	k.OrganizationID, k.OrganizationName, k.Confirmed = text(u.organizationID), text(u.organizationName), true
	user := u.user()
	if user != nil {
		k.UserID, k.UserEmail, k.Confirmed = user.ID, user.Email, !user.ConfirmedAt.IsZero()
	}
	return k, user, nil
}

// text is the string of a nullable column, empty for NULL.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// utc is the time of a nullable column, zero for NULL.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
