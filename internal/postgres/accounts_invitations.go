package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

const insertInvitation = `
INSERT INTO invitations (id, digest, organization, email, email_folded, role, mailed, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8)
RETURNING created_at, expires_at`

// Invite implements accounts.Registry.
func (g *Registry) Invite(ctx context.Context, by access.Actor, organizationID string, spec accounts.InvitationSpec) (*accounts.Invitation, *accounts.Secret, error) {
	if err := spec.Check(); err != nil {
		return nil, nil, err
	}
	i := &accounts.Invitation{ID: apikey.NewID("inv_"), OrganizationID: organizationID, Email: spec.Email, Role: spec.Role}
	token := apikey.NewToken()
	err := g.do(ctx, by, func(d *deed) error {
		o, err := d.findOrganization(ctx, organizationID)
		if err != nil {
			return err
		}
		if o.MergedInto != "" {
			return &accounts.ConflictError{Message: "the organisation has been merged into " + o.MergedInto + "; invite there"}
		}
		err = d.QueryRow(ctx, insertInvitation, i.ID, g.digest(token), o.seq, i.Email, accounts.FoldEmail(i.Email), i.Role, spec.Mailed, accounts.InvitationPeriod).
			Scan(&i.CreatedAt, &i.ExpiresAt)
		if err != nil {
			return err
		}
		return d.note(ctx, by.Does(access.InvitationCreate, organizationID, map[string]any{"invitation_id": i.ID, "role": i.Role}))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot invite: %w", err)
	}
	i.CreatedAt, i.ExpiresAt = i.CreatedAt.UTC(), i.ExpiresAt.UTC()
	return i, &accounts.Secret{Token: token, Email: i.Email, ExpiresAt: i.ExpiresAt}, nil
}

const listInvitations = `
SELECT i.seq, i.id, i.email, i.role, i.created_at, i.expires_at, i.accepted_at, i.revoked_at
FROM invitations i
WHERE ` + invitationInView + ` AND i.organization = $5 AND i.seq > $6
ORDER BY i.seq LIMIT $7`

// Invitations implements accounts.Registry.
func (g *Registry) Invitations(ctx context.Context, by access.Actor, organizationID string, p accounts.Page) (accounts.Listed[accounts.Invitation], error) {
	var found accounts.Listed[accounts.Invitation]
	err := g.do(ctx, by, func(d *deed) error {
		o, err := d.findOrganization(ctx, organizationID)
		if err != nil {
			return err
		}
		found, err = list(ctx, d, p, listInvitations, d.args(o.seq, p.After, p.Limit+1), func(row pgx.CollectableRow) (accounts.Invitation, int64, error) {
			return scanInvitation(row, organizationID)
		})
		if err != nil {
			return err
		}
		return d.note(ctx, by.Reads(access.InvitationRead, organizationID, nil))
	})
	if err != nil {
		return found, fmt.Errorf("cannot list invitations: %w", err)
	}
	return found, nil
}

func scanInvitation(row pgx.Row, organizationID string) (accounts.Invitation, int64, error) {
	i := accounts.Invitation{OrganizationID: organizationID}
	var seq int32
	var accepted, revoked *time.Time
	err := row.Scan(&seq, &i.ID, &i.Email, &i.Role, &i.CreatedAt, &i.ExpiresAt, &accepted, &revoked)
	i.CreatedAt, i.ExpiresAt, i.AcceptedAt, i.RevokedAt = i.CreatedAt.UTC(), i.ExpiresAt.UTC(), utc(accepted), utc(revoked)
	return i, int64(seq), err
}

const (
	findInvitation = `
SELECT i.seq, i.accepted_at IS NOT NULL FROM invitations i WHERE ` + invitationInView + ` AND i.organization = $5 AND i.id = $6`
	revokeInvitation = `UPDATE invitations SET revoked_at = now() WHERE seq = $1 AND revoked_at IS NULL AND accepted_at IS NULL`
)

// RevokeInvitation implements accounts.Registry.
func (g *Registry) RevokeInvitation(ctx context.Context, by access.Actor, organizationID, invitationID string) error {
	err := g.do(ctx, by, func(d *deed) error {
		o, err := d.findOrganization(ctx, organizationID)
		if err != nil {
			return err
		}
		var seq int32
		var accepted bool
		err = d.look(ctx, func() error {
			return d.QueryRow(ctx, findInvitation, d.args(o.seq, invitationID)...).Scan(&seq, &accepted)
		})
		if err != nil {
			return err
		}
		if accepted {
			return &accounts.ConflictError{Message: "the invitation has been accepted already"}
		}
		tag, err := d.Exec(ctx, revokeInvitation, seq)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return d.note(ctx, by.Does(access.InvitationRevoke, organizationID, map[string]any{"invitation_id": invitationID}))
	})
	if err != nil {
		return fmt.Errorf("cannot revoke the invitation: %w", err)
	}
	return nil
}

// The update takes the row's lock, so that of two who hold the same token one finds it used up.
const takeInvitation = `
UPDATE invitations i SET accepted_at = now() FROM organizations o
WHERE i.digest = $1 AND i.email_folded = $2 AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()
	AND o.seq = i.organization AND o.merged_into IS NULL
RETURNING o.seq, o.id, o.name, i.role, i.mailed`

// takeInvitation uses an invitation up. Whoever has the token that was sent to an address reads its mail.
func (g *Registry) takeInvitation(ctx context.Context, d *deed, token, email string) (membership, error) {
	var to membership
	err := d.QueryRow(ctx, takeInvitation, g.digest(token), accounts.FoldEmail(email)).Scan(&to.seq, &to.id, &to.name, &to.role, &to.confirmed)
	if err == pgx.ErrNoRows {
		err = accounts.ErrBadToken
	}
	return to, err
}

const joinOrganization = `UPDATE users SET organization = $2, role = $3, email_confirmed_at = coalesce(email_confirmed_at, CASE WHEN $4 THEN now() END)
WHERE seq = $1
RETURNING email_confirmed_at`

// AcceptInvitation implements accounts.Registry.
func (g *Registry) AcceptInvitation(ctx context.Context, by access.Actor, userID, token string) (*accounts.User, error) {
	var joined owner
	err := g.do(ctx, by, func(d *deed) error {
		u, err := d.findOwner(ctx, userID)
		if err != nil {
			return err
		}
		to, err := g.takeInvitation(ctx, d, token, u.user.Email)
		if err != nil {
			return err
		}
		if u.user.Role == accounts.RoleAdmin && *u.organization != to.seq {
			if err := d.leave(ctx, u); err != nil {
				return err
			}
		}
		var confirmed *time.Time
		if err := d.QueryRow(ctx, joinOrganization, u.seq, to.seq, to.role, to.confirmed).Scan(&confirmed); err != nil {
			return err
		}
		if err := d.note(ctx, by.Does(access.OrganizationJoin, to.id, map[string]any{"user_id": userID, "left": u.user.OrganizationID})); err != nil {
			return err
		}
		u.user.OrganizationID, u.user.OrganizationName, u.user.Role, u.user.ConfirmedAt = to.id, to.name, to.role, utc(confirmed)
		joined = u
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot accept the invitation: %w", err)
	}
	return joined.user, nil
}

// leave keeps an organisation from being left to members without an admin. An organisation of one may be left.
func (d *deed) leave(ctx context.Context, u owner) error {
	var others int
	if err := d.QueryRow(ctx, `SELECT count(*) FROM users WHERE organization = $1 AND seq <> $2`, u.organization, u.seq).Scan(&others); err != nil || others == 0 {
		return err
	}
	return d.keepAnAdmin(ctx, u)
}
