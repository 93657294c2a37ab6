package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

const (
	selectUsers = `
SELECT u.seq, home.seq, ` + userColumns + `
FROM users u JOIN organizations home ON home.seq = u.organization
WHERE ` + userInView
	listUsers = selectUsers + `
	AND ($5 = '' OR home.id = $5) AND ($6 = '' OR u.email_folded = $6) AND u.seq > $7
ORDER BY u.seq LIMIT $8`
	oneUser = selectUsers + `
	AND u.id = $5`
)

// Users implements accounts.Registry.
func (g *Registry) Users(ctx context.Context, by access.Actor, f accounts.UserFilter, p accounts.Page) (accounts.Listed[accounts.User], error) {
	var found accounts.Listed[accounts.User]
	email := ""
	if f.Email != "" {
		email = accounts.FoldEmail(f.Email)
	}
	err := g.do(ctx, by, func(d *deed) error {
		organization, err := d.remaining(ctx, f.OrganizationID)
		if err != nil {
			return err
		}
		if found, err = list(ctx, d, p, listUsers, d.args(organization, email, p.After, p.Limit+1), listedUser); err != nil {
			return err
		}
		return d.note(ctx, by.Reads(access.UserRead, "", filled(map[string]any{"organization_id": f.OrganizationID})))
	})
	if err != nil {
		return found, fmt.Errorf("cannot list users: %w", err)
	}
	return found, nil
}

func listedUser(row pgx.CollectableRow) (accounts.User, int64, error) {
	o, err := scanOwner(row)
	if err != nil {
		return accounts.User{}, 0, err
	}
	return *o.user, int64(*o.seq), nil
}

// User implements accounts.Registry.
func (g *Registry) User(ctx context.Context, by access.Actor, userID string) (*accounts.User, error) {
	var found owner
	err := g.do(ctx, by, func(d *deed) (err error) {
		if found, err = d.findOwner(ctx, userID); err != nil {
			return err
		}
		return d.note(ctx, by.Reads(access.UserRead, userID, nil))
	})
	if err != nil {
		return nil, fmt.Errorf("cannot find the user: %w", err)
	}
	return found.user, nil
}

// findOwner finds a user in the actor's view.
func (d *deed) findOwner(ctx context.Context, userID string) (found owner, err error) {
	err = d.look(ctx, func() error {
		found, err = scanOwner(d.QueryRow(ctx, oneUser, d.args(userID)...))
		return err
	})
	return found, err
}

func scanOwner(row pgx.Row) (owner, error) {
	var seq, organization int32
	var u userRow
	err := row.Scan(append([]any{&seq, &organization}, u.places()...)...)
	return owner{seq: &seq, organization: &organization, user: u.user()}, err
}

const (
	changeUserRow = `
UPDATE users SET role = coalesce($2, role),
	email_confirmed_at = CASE $3::boolean WHEN true THEN coalesce(email_confirmed_at, now()) WHEN false THEN NULL ELSE email_confirmed_at END
WHERE seq = $1`
	otherAdmins = `SELECT count(*) FROM (SELECT FROM users WHERE organization = $1 AND role = 'admin' AND seq <> $2 FOR UPDATE) AS others`
)

// ChangeUser implements accounts.Registry.
func (g *Registry) ChangeUser(ctx context.Context, by access.Actor, userID string, c accounts.UserChange) (*accounts.User, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Confirmed != nil && by.Bound() != nil {
		return nil, &accounts.FieldError{Field: "email_confirmed", Message: "is set by the platform's admins only; others confirm an address with the token that is sent to it"}
	}
	var changed owner
	err := g.do(ctx, by, func(d *deed) error {
		u, err := d.findOwner(ctx, userID)
		if err != nil {
			return err
		}
		if c.Role != nil && *c.Role == accounts.RoleMember && u.user.Role == accounts.RoleAdmin {
			if err := d.keepAnAdmin(ctx, u); err != nil {
				return err
			}
		}
		if _, err := d.Exec(ctx, changeUserRow, u.seq, c.Role, c.Confirmed); err != nil {
			return err
		}
		details := map[string]any{}
		if c.Role != nil {
			details["role"] = *c.Role
		}
		if c.Confirmed != nil {
			details["confirmed"] = *c.Confirmed
		}
		if err := d.note(ctx, by.Does(access.UserChange, userID, details)); err != nil {
			return err
		}
		changed, err = d.findOwner(ctx, userID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot change the user: %w", err)
	}
	return changed.user, nil
}

// keepAnAdmin refuses to take the last admin of an organisation away. The organisation's row is locked, so that two admins
// who leave at the same time wait for each other.
func (d *deed) keepAnAdmin(ctx context.Context, u owner) error {
	if _, err := d.Exec(ctx, `SELECT FROM organizations WHERE seq = $1 FOR NO KEY UPDATE`, u.organization); err != nil {
		return err
	}
	var admins int
	if err := d.QueryRow(ctx, otherAdmins, u.organization, u.seq).Scan(&admins); err != nil {
		return err
	}
	if admins == 0 {
		return &accounts.ConflictError{Message: "the user is the last admin of the organisation; make another one admin first"}
	}
	return nil
}
