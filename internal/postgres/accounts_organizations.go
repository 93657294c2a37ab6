package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

const (
	selectOrganizations = `
SELECT o.seq, o.id, o.name, coalesce((SELECT id FROM organizations WHERE seq = o.merged_into AND ($1 OR seq = $4)), ''), o.created_at,
	(SELECT count(*) FROM users u WHERE u.organization = o.seq AND ` + userInView + `)
FROM organizations o
WHERE ` + organizationInView
	listOrganizations = selectOrganizations + `
	AND o.seq > $5
ORDER BY o.seq LIMIT $6`
	oneOrganization = selectOrganizations + `
	AND o.id = $5`
)

// organizationRow is a row of selectOrganizations.
type organizationRow struct {
	accounts.Organization
	seq int32
}

func scanOrganization(row pgx.Row) (organizationRow, error) {
	var o organizationRow
	err := row.Scan(&o.seq, &o.ID, &o.Name, &o.MergedInto, &o.CreatedAt, &o.Members)
	o.CreatedAt = o.CreatedAt.UTC()
	return o, err
}

// Organizations implements accounts.Registry.
func (g *Registry) Organizations(ctx context.Context, by access.Actor, p accounts.Page) (accounts.Listed[accounts.Organization], error) {
	var found accounts.Listed[accounts.Organization]
	err := g.do(ctx, by, func(d *deed) (err error) {
		if found, err = list(ctx, d, p, listOrganizations, d.args(p.After, p.Limit+1), listedOrganization); err != nil {
			return err
		}
		return d.note(ctx, by.Reads(access.OrganizationRead, "", nil))
	})
	if err != nil {
		return found, fmt.Errorf("cannot list organisations: %w", err)
	}
	return found, nil
}

func listedOrganization(row pgx.CollectableRow) (accounts.Organization, int64, error) {
	o, err := scanOrganization(row)
	return o.Organization, int64(o.seq), err
}

// Organization implements accounts.Registry.
func (g *Registry) Organization(ctx context.Context, by access.Actor, organizationID string) (*accounts.Organization, error) {
	var found organizationRow
	err := g.do(ctx, by, func(d *deed) (err error) {
		if found, err = d.findOrganization(ctx, organizationID); err != nil {
			return err
		}
		return d.note(ctx, by.Reads(access.OrganizationRead, organizationID, nil))
	})
	if err != nil {
		return nil, fmt.Errorf("cannot find the organisation: %w", err)
	}
	return &found.Organization, nil
}

// findOrganization finds an organisation in the actor's view.
func (d *deed) findOrganization(ctx context.Context, organizationID string) (found organizationRow, err error) {
	err = d.look(ctx, func() error {
		found, err = scanOrganization(d.QueryRow(ctx, oneOrganization, d.args(organizationID)...))
		return err
	})
	return found, err
}

// remaining is the id of the organisation that id is a name of today, for a list to be narrowed to; an id that names none stays.
// The name may be out of the actor's view and what it stands for in it. The list holds what is in view, by whatever name.
func (d *deed) remaining(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	var o membership
	err := d.QueryRow(ctx, findOrganization, id).Scan(&o.seq, &o.id, &o.name)
	if err == pgx.ErrNoRows {
		return id, nil
	}
	return o.id, err
}

// RenameOrganization implements accounts.Registry.
func (g *Registry) RenameOrganization(ctx context.Context, by access.Actor, organizationID, name string) (*accounts.Organization, error) {
	if err := accounts.CheckOrganizationName(name); err != nil {
		return nil, err
	}
	var renamed organizationRow
	err := g.do(ctx, by, func(d *deed) error {
		o, err := d.findOrganization(ctx, organizationID)
		if err != nil {
			return err
		}
		if _, err := d.Exec(ctx, `UPDATE organizations SET name = $2 WHERE seq = $1`, o.seq, name); err != nil {
			return err
		}
		if err := d.note(ctx, by.Does(access.OrganizationName, organizationID, map[string]any{"name": name, "was": o.Name})); err != nil {
			return err
		}
		renamed, err = d.findOrganization(ctx, organizationID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot rename the organisation: %w", err)
	}
	return &renamed.Organization, nil
}

const (
	lockOrganizations = `SELECT FROM organizations WHERE seq = ANY ($1) ORDER BY seq FOR UPDATE`
	// What went into an organisation goes on with it: the way to the last one is never longer than a step.
	mergeOrganizations = `UPDATE organizations SET merged_into = $2 WHERE seq = $1 OR merged_into = $1`
	moveUsers          = `UPDATE users SET organization = $2 WHERE organization = $1`
	endInvitations     = `UPDATE invitations SET revoked_at = now() WHERE organization = $1 AND accepted_at IS NULL AND revoked_at IS NULL`
)

// MergeOrganization implements accounts.Registry.
func (g *Registry) MergeOrganization(ctx context.Context, by access.Actor, organizationID, into string) (*accounts.Organization, error) {
	if organizationID == into {
		return nil, &accounts.FieldError{Field: "into", Message: "is the organisation itself"}
	}
	var merged organizationRow
	err := g.do(ctx, by, func(d *deed) error {
		from, err := d.findOrganization(ctx, organizationID)
		if err != nil {
			return err
		}
		to, err := d.findOrganization(ctx, into)
		if err != nil {
			return err
		}
		if _, err := d.Exec(ctx, lockOrganizations, []int32{from.seq, to.seq}); err != nil {
			return err
		}
		if err := d.mergeable(ctx, organizationID, into); err != nil {
			return err
		}
		for _, statement := range []string{mergeOrganizations, moveUsers} {
			if _, err := d.Exec(ctx, statement, from.seq, to.seq); err != nil {
				return err
			}
		}
		if _, err := d.Exec(ctx, endInvitations, from.seq); err != nil {
			return err
		}
		if err := d.note(ctx, by.Does(access.OrganizationInto, organizationID, map[string]any{"into": into})); err != nil {
			return err
		}
		merged, err = d.findOrganization(ctx, organizationID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot merge the organisation: %w", err)
	}
	return &merged.Organization, nil
}

// mergeable looks at two locked organisations again.
func (d *deed) mergeable(ctx context.Context, from, into string) error {
	for _, id := range []string{from, into} {
		o, err := d.findOrganization(ctx, id)
		if err != nil {
			return err
		}
		if o.MergedInto != "" {
			return &accounts.ConflictError{Message: "the organisation " + id + " has been merged into " + o.MergedInto + " already"}
		}
	}
	return nil
}
