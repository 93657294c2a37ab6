package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

// invitationView is an invitation as it is printed. Its JSON names are those of the HTTP API.
type invitationView struct {
	ID         string     `json:"id"`
	Email      string     `json:"email"`
	Role       string     `json:"role"`
	Status     string     `json:"status"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	AcceptedAt *time.Time `json:"accepted_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

// invitedView is a new invitation with its token.
type invitedView struct {
	Invitation invitationView `json:"invitation"`
	Token      string         `json:"token,omitempty"`
}

var invitationColumns = []column[invitationView]{
	{title: "ID", cell: func(i *invitationView) string { return i.ID }},
	{title: "EMAIL", cell: func(i *invitationView) string { return i.Email }},
	{title: "ROLE", cell: func(i *invitationView) string { return i.Role }},
	{title: "STATE", cell: func(i *invitationView) string { return i.Status }},
	{title: "CREATED", cell: func(i *invitationView) string { return day(&i.CreatedAt) }},
	{title: "EXPIRES", cell: func(i *invitationView) string { return moment(&i.ExpiresAt) }},
}

func viewOfInvitation(i *accounts.Invitation) invitationView {
	return invitationView{
		ID: i.ID, Email: i.Email, Role: i.Role, Status: i.Status(time.Now()), CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt,
		AcceptedAt: whenSet(i.AcceptedAt), RevokedAt: whenSet(i.RevokedAt),
	}
}

// An operator's invitation goes by no mail that we know of: whoever brings the token has not shown that it reads the address.
func orgsInvite(d *desk) *cobra.Command {
	var spec accounts.InvitationSpec
	cmd := d.command("invite org_…", "Let the owner of an address join, and print the token to hand over", func(s *session) error {
		i, secret, err := s.Invite(s.ctx, access.Operator, s.args[0], spec)
		if err != nil {
			return err
		}
		return printDone(s, invitedView{viewOfInvitation(i), secret.Token},
			"%s\n\n%s for %s, good until %s. Hand the token over now: it is not shown again.\nIt is \"invitation\" for POST /users/register, or \"token\" for POST /invitations/accept.",
			secret.Token, i.ID, dash(i.Email), moment(&i.ExpiresAt))
	})
	cmd.Flags().StringVar(&spec.Email, "email", "", "whoever registers with this address, or has an account with it, may join")
	cmd.Flags().StringVar(&spec.Role, "role", accounts.RoleMember, "member or admin")
	_ = cmd.MarkFlagRequired("email")
	return cmd
}

func orgsInvitations(d *desk) *cobra.Command {
	return d.command("invitations org_…", "List the invitations to an organisation, used and revoked ones too", func(s *session) error {
		invitations, err := all(0, func(p accounts.Page) (accounts.Listed[accounts.Invitation], error) {
			return s.Invitations(s.ctx, access.Operator, s.args[0], p)
		})
		if err != nil {
			return err
		}
		return printList(s, viewsOf(invitations, viewOfInvitation), invitationColumns)
	})
}

func orgsRevokeInvitation(d *desk) *cobra.Command {
	return d.command("revoke-invitation org_… inv_…", "Take an invitation back", func(s *session) error {
		if err := s.RevokeInvitation(s.ctx, access.Operator, s.args[0], s.args[1]); err != nil {
			return err
		}
		return printDone(s, map[string]string{"revoked": s.args[1]}, "revoked %s", s.args[1])
	})
}
