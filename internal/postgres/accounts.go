package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// Registry keeps accounts in Postgres.
type Registry struct {
	pool   *pgxpool.Pool
	pepper Pepper
}

var _ accounts.Registry = (*Registry)(nil)

// NewRegistry keeps accounts in db; digests of new keys are made with pepper.
func NewRegistry(db *DB, pepper Pepper) *Registry {
	return &Registry{pool: db.Pool(), pepper: pepper}
}

// Register implements accounts.Registry.
func (g *Registry) Register(ctx context.Context, r accounts.Registration) (*accounts.User, *accounts.NewKey, error) {
	if err := r.Check(); err != nil {
		return nil, nil, err
	}
	var user *accounts.User
	var key *accounts.NewKey
	err := g.inTx(ctx, func(tx pgx.Tx) error {
		org, err := organizationFor(ctx, tx, r)
		if err != nil {
			return err
		}
		o, err := insertUser(ctx, tx, org, r)
		if err != nil {
			return err
		}
		user = o.user
		key, err = g.insertKey(ctx, tx, o, accounts.KeySpec{Environment: r.Environment, Scopes: accounts.CustomerScopes})
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot register a user: %w", err)
	}
	return user, key, nil
}

// CreateKey implements accounts.Registry.
func (g *Registry) CreateKey(ctx context.Context, spec accounts.KeySpec) (*accounts.NewKey, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	var key *accounts.NewKey
	err := g.inTx(ctx, func(tx pgx.Tx) error {
		var o owner
		var err error
		if spec.UserID != "" {
			if o, err = findOwner(ctx, tx, spec.UserID); err != nil {
				return err
			}
		}
		key, err = g.insertKey(ctx, tx, o, spec)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot create a key: %w", err)
	}
	return key, nil
}

// keyChannel is notified with the digest of a key, in hex, when the key changes.
const keyChannel = "mirrorball_keys"

const revokeKey = `
WITH revoked AS (
	UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING digest
)
SELECT pg_notify($2, encode(digest, 'hex')) FROM revoked`

// Revoke implements accounts.Registry.
func (g *Registry) Revoke(ctx context.Context, keyID string) error {
	tag, err := g.pool.Exec(ctx, revokeKey, keyID, keyChannel)
	if err == nil && tag.RowsAffected() == 0 {
		err = accounts.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("cannot revoke the key: %w", publicAccount(err))
	}
	return nil
}

func (g *Registry) inTx(ctx context.Context, fn func(pgx.Tx) error) error {
	return publicAccount(pgx.BeginFunc(ctx, g.pool, fn))
}

// publicAccount is [public] with the errors that accounts.Registry promises.
func publicAccount(err error) error {
	if errors.Is(err, accounts.ErrNotFound) || errors.Is(err, pgx.ErrNoRows) {
		return accounts.ErrNotFound
	}
	if err != nil && away(err) {
		return accounts.ErrUnavailable
	}
	return public(err)
}
