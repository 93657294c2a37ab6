package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// ImportKeys implements accounts.Registry. A key that is registered already is left as it is, so a file may be imported
// again. Rows of one import with the same address and organisation are one user, and those with the same organisation
// one organisation. A row joins a user or organisation that was there before only if the file shows a key of it.
func (g *Registry) ImportKeys(ctx context.Context, by access.Actor, rows []accounts.Import) (accounts.Imported, error) {
	if !by.View.All {
		return accounts.Imported{}, &accounts.ForbiddenError{Message: "only operators and admins import keys"}
	}
	for i := range rows {
		if err := rows[i].Check(); err != nil {
			return accounts.Imported{}, fmt.Errorf("line %d: %w", rows[i].Line, err)
		}
	}
	var done accounts.Imported
	err := g.do(ctx, by, func(d *deed) error {
		in := &importing{registry: g, deed: d, organizations: map[string]membership{}, users: map[[2]string]owner{}}
		fresh, err := in.recognize(ctx, rows)
		if err != nil {
			return err
		}
		known := len(in.users)
		for _, row := range fresh {
			if err := in.add(ctx, row); err != nil {
				return err
			}
		}
		done = accounts.Imported{Users: len(in.users) - known, Keys: len(fresh), Known: len(rows) - len(fresh)}
		return nil
	})
	if err != nil {
		return accounts.Imported{}, fmt.Errorf("cannot import keys: %w", err)
	}
	return done, nil
}

// importing is what an import has made so far.
type importing struct {
	*deed
	registry      *Registry
	organizations map[string]membership // by name
	users         map[[2]string]owner   // by folded address and organisation
}

const importKeyRow = `
INSERT INTO api_keys (id, digest, pepper_id, hint, user_seq, organization, environment, scopes, name, allowance)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

const findImported = `
SELECT u.seq, home.seq, ` + userColumns + `
FROM api_keys k JOIN users u ON u.seq = k.user_seq JOIN organizations home ON home.seq = u.organization
WHERE k.digest = $1`

// recognize leaves out the keys that are registered already, and learns from them who the users of the file are.
func (in *importing) recognize(ctx context.Context, rows []accounts.Import) ([]accounts.Import, error) {
	var fresh []accounts.Import
	listed := map[apikey.Fingerprint]bool{}
	for _, row := range rows {
		o, err := scanOwner(in.QueryRow(ctx, findImported, apikey.Digest(in.registry.pepper, row.Fingerprint)))
		switch {
		case errors.Is(err, pgx.ErrNoRows) && !listed[row.Fingerprint]:
			fresh, listed[row.Fingerprint] = append(fresh, row), true
		case errors.Is(err, pgx.ErrNoRows): // twice in the file
		case err != nil:
			return nil, err
		default:
			in.users[userName(row)] = o
			in.organizations[row.Organization] = membership{
				seq: *o.organization, id: o.user.OrganizationID, name: o.user.OrganizationName, role: accounts.RoleMember,
			}
		}
	}
	return fresh, nil
}

func userName(row accounts.Import) [2]string {
	return [2]string{accounts.FoldEmail(row.Email), row.Organization}
}

// add makes one key, and before it the user and organisation that it needs.
func (in *importing) add(ctx context.Context, row accounts.Import) error {
	o, err := in.userOf(ctx, row)
	if err != nil {
		return err
	}
	var allowance int32
	if err := in.QueryRow(ctx, insertAllowance, 0, 0).Scan(&allowance); err != nil {
		return err
	}
	id := apikey.NewID("key_")
	_, err = in.Exec(ctx, importKeyRow, id, apikey.Digest(in.registry.pepper, row.Fingerprint), in.registry.pepper.ID(), row.Hint, o.seq, o.organization,
		row.Environment, accounts.CustomerScopes, row.Name, allowance)
	if err != nil {
		return err
	}
	return in.note(ctx, in.by.Does(access.KeyCreate, id, map[string]any{"user_id": o.user.ID, "environment": row.Environment, "imported": true}))
}

func (in *importing) userOf(ctx context.Context, row accounts.Import) (owner, error) {
	name := userName(row)
	if o, ok := in.users[name]; ok {
		return o, nil
	}
	to, ok := in.organizations[row.Organization]
	if !ok {
		to = membership{id: apikey.NewID("org_"), name: row.Organization, role: accounts.RoleAdmin}
		if err := in.QueryRow(ctx, insertOrganization, to.id, to.name).Scan(&to.seq); err != nil {
			return owner{}, err
		}
		in.organizations[row.Organization] = membership{seq: to.seq, id: to.id, name: to.name, role: accounts.RoleMember}
	}
	o, err := in.insertUser(ctx, to, accounts.Registration{Email: row.Email, Organization: row.Organization, Environment: row.Environment})
	if err != nil {
		return owner{}, err
	}
	in.users[name] = o
	return o, in.note(ctx, in.by.Does(access.UserCreate, o.user.ID, map[string]any{"organization_id": to.id, "imported": true}))
}
