package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

// Registry keeps accounts in Postgres.
type Registry struct {
	pool   *pgxpool.Pool
	pepper Pepper
}

var _ accounts.Registry = (*Registry)(nil)

// NewRegistry keeps accounts in db; digests of new keys and tokens are made with pepper.
func NewRegistry(db *DB, pepper Pepper) *Registry {
	return &Registry{pool: db.Pool(), pepper: pepper}
}

// deed is one thing that an actor does: a transaction, which sees what the actor may see, changes it as the owner of the
// tables, and writes both to the trail.
type deed struct {
	pgx.Tx
	by access.Actor
	seen
}

// do runs fn in a transaction of an actor. Within it, what fn finds through [deed.look] is the actor's to change.
func (g *Registry) do(ctx context.Context, by access.Actor, fn func(*deed) error) error {
	return publicAccount(pgx.BeginFunc(ctx, g.pool, func(tx pgx.Tx) error {
		d := &deed{Tx: tx, by: by}
		var err error
		if d.seen, err = seenBy(ctx, tx, by.View); err != nil {
			return err
		}
		return fn(d)
	}))
}

// look runs fn as the role that row-level security binds, and goes back to being the owner after it.
func (d *deed) look(ctx context.Context, fn func() error) error {
	if err := d.scope().enter(ctx, d.Tx); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err // the transaction ends with it
	}
	_, err := d.Exec(ctx, leaveReader)
	return err
}

const insertTrail = `INSERT INTO admin_trail (actor, action, target, client, details) VALUES ($1, $2, $3, $4, $5)`

// note writes to the trail; nil is nothing to write.
func (d *deed) note(ctx context.Context, e *access.Entry) error { return writeTrail(ctx, d.Tx, e) }

func writeTrail(ctx context.Context, tx pgx.Tx, e *access.Entry) error {
	if e == nil {
		return nil
	}
	details := []byte("{}")
	if len(e.Details) > 0 {
		var err error
		if details, err = json.Marshal(e.Details); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, insertTrail, e.Actor, e.Action, e.Target, address(e.Client), details)
	return err
}

// publicAccount is [public] with the errors that accounts.Registry promises.
func publicAccount(err error) error {
	var conflict *accounts.ConflictError
	var forbidden *accounts.ForbiddenError
	var field *accounts.FieldError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict), errors.As(err, &forbidden), errors.As(err, &field), errors.Is(err, accounts.ErrBadToken):
		return err
	case errors.Is(err, accounts.ErrNotFound) || errors.Is(err, pgx.ErrNoRows):
		return accounts.ErrNotFound
	case away(err):
		return accounts.ErrUnavailable
	}
	return public(err)
}

// address is nil for the zero address.
func address(a netip.Addr) *netip.Addr {
	if !a.IsValid() {
		return nil
	}
	a = a.Unmap().WithZone("")
	return &a
}
