package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

// The database's clock decides, as it does for whoever made the key. An end that comes sooner stays.
const endAfter = `UPDATE api_keys SET expires_at = least(expires_at, now() + $2) WHERE seq = $1`

// RotateKey implements accounts.Registry.
func (g *Registry) RotateKey(ctx context.Context, by access.Actor, keyID string, grace time.Duration) (*accounts.NewKey, error) {
	if grace < 0 || grace > accounts.MaxGrace {
		return nil, &accounts.FieldError{Field: "grace_seconds", Message: fmt.Sprintf("must be from 0 to %d (30 days)", int(accounts.MaxGrace/time.Second))}
	}
	var key *accounts.NewKey
	err := g.do(ctx, by, func(d *deed) error {
		old, err := d.lockKey(ctx, keyID)
		if err != nil {
			return err
		}
		if err := errors.Join(accounts.CheckNoStronger(by.Bound(), &old.Key), mayRotate(&old, time.Now())); err != nil {
			return err
		}
		o := owner{organization: old.organizationMade}
		if old.userSeq != nil { // the new key is made in the organisation that its owner belongs to now
			if old.owner == nil {
				return &accounts.ForbiddenError{Message: "the key's owner has left the organisation, which may only change or revoke the key"}
			}
			if o, err = d.findOwner(ctx, old.UserID); err != nil {
				return err
			}
			if err := d.maySpeakFor(ctx, o); err != nil {
				return err
			}
		}
		spec := accounts.KeySpec{Environment: old.Environment, Scopes: old.Scopes, Name: old.Name, ExpiresAt: old.ExpiresAt, Addresses: old.Addresses}
		if key, err = g.insertKey(ctx, d, o, spec, old.Allowance, &old); err != nil {
			return err
		}
		if _, err := d.Exec(ctx, endAfter, old.seq, grace); err != nil {
			return err
		}
		return d.note(ctx, by.Does(access.KeyRotate, keyID, map[string]any{"new_key": key.Key.KeyID, "grace_seconds": int(grace.Seconds())}))
	})
	if err != nil {
		return nil, fmt.Errorf("cannot rotate the key: %w", err)
	}
	return key, nil
}

// lockKey finds a key in view and keeps others from ending it at the same time.
func (d *deed) lockKey(ctx context.Context, keyID string) (keyRow, error) {
	k, err := d.findKey(ctx, keyID)
	if err != nil {
		return k, err
	}
	if _, err := d.Exec(ctx, `SELECT FROM api_keys WHERE seq = $1 FOR NO KEY UPDATE`, k.seq); err != nil {
		return k, err
	}
	return d.findKey(ctx, keyID)
}

func mayRotate(k *keyRow, now time.Time) error {
	switch {
	case !k.RevokedAt.IsZero():
		return &accounts.ConflictError{Message: "the key is revoked; create a new one"}
	case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now):
		return &accounts.ConflictError{Message: "the key has expired; create a new one"}
	}
	return nil
}

// RevokeKey implements accounts.Registry.
func (g *Registry) RevokeKey(ctx context.Context, by access.Actor, keyID string) (*accounts.Key, error) {
	var revoked keyRow
	err := g.do(ctx, by, func(d *deed) error {
		k, err := d.lockKey(ctx, keyID)
		if err != nil || !k.RevokedAt.IsZero() {
			revoked = k
			return err
		}
		if _, err := d.Exec(ctx, `UPDATE api_keys SET revoked_at = now() WHERE seq = $1`, k.seq); err != nil {
			return err
		}
		if err := d.note(ctx, by.Does(access.KeyRevoke, keyID, nil)); err != nil {
			return err
		}
		revoked, err = d.findKey(ctx, keyID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot revoke the key: %w", err)
	}
	return &revoked.Key, nil
}
