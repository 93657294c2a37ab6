package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// InvitationsInput asks for a list of invitations.
type InvitationsInput struct {
	OrganizationInput
	PageParams
}

// InvitationsOutput is the list.
type InvitationsOutput struct{ Body Invitations }

// Invitations is a part of a list of invitations.
type Invitations struct {
	Invitations []Invitation `json:"invitations" nullable:"false"`
	NextCursor  string       `json:"next_cursor,omitempty" doc:"Asks for the part that follows; missing at the end."`
}

// InviteInput is an invitation to make.
type InviteInput struct {
	OrganizationInput
	Body InviteBody
}

// InviteBody says whom to invite.
type InviteBody struct {
	Email string `json:"email" doc:"Whoever registers with this address, or has an account with it, may join." example:"grace@example.com"`
	Role  string `json:"role" required:"false" doc:"member or admin; member if not given." example:"member"`
}

// InviteOutput is a new invitation.
type InviteOutput struct{ Body Invited }

// Invited is a new invitation, with its token where no mail can carry it.
type Invited struct {
	Invitation Invitation `json:"invitation"`
	Token      string     `json:"token,omitempty" doc:"To be handed to the invited person; missing when it was sent by mail. It is shown this once." example:"Zk3vT8pQw1XcR5nYb7Ls0DfGh2Jm4Ka9"`
}

// InvitationInput names an invitation.
type InvitationInput struct {
	OrganizationInput
	InvitationID string `path:"invitation_id" doc:"The id of an invitation." example:"inv_5eF7gH9iJ1kL3m1aB3cD"`
}

// AcceptInput brings the token of an invitation.
type AcceptInput struct{ Body TokenBody }

func (a *api) registerInvitations(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "list-invitations", Path: "/organizations/{id}/invitations", Summary: "Invitations of an organisation",
		Description: "In order of creation, those that were used up or revoked too.", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *InvitationsInput) (*InvitationsOutput, error) {
		page, err := a.page(in.PageParams, "list-invitations", in.ID)
		if err := errors.Join(pathID("org_", in.ID), err); err != nil {
			return nil, err
		}
		found, err := a.Accounts.Invitations(ctx, actorOf(ctx), in.ID, page)
		if err != nil {
			return nil, err
		}
		invitations := make([]Invitation, len(found.Items))
		for i := range found.Items {
			invitations[i] = invitationOf(&found.Items[i], time.Now())
		}
		return &InvitationsOutput{Body: Invitations{Invitations: invitations, NextCursor: a.cursor(found.Next, "list-invitations", in.ID)}}, nil
	})
	register(a, h, huma.Operation{
		OperationID: "create-invitation", Method: http.MethodPost, Path: "/organizations/{id}/invitations", DefaultStatus: http.StatusCreated,
		Summary: "Invite somebody", Description: "Lets the owner of an address join the organisation, for 14 days.", Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, a.invite)
	register(a, h, huma.Operation{
		OperationID: "revoke-invitation", Method: http.MethodDelete, Path: "/organizations/{id}/invitations/{invitation_id}", DefaultStatus: http.StatusNoContent,
		Summary: "Take an invitation back", Description: "Taking it back again changes nothing.", Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *InvitationInput) (*struct{}, error) {
		if err := errors.Join(pathID("org_", in.ID), pathID("inv_", in.InvitationID)); err != nil {
			return nil, err
		}
		return nil, a.Accounts.RevokeInvitation(ctx, actorOf(ctx), in.ID, in.InvitationID)
	})
	register(a, h, huma.Operation{
		OperationID: "accept-invitation", Method: http.MethodPost, Path: "/invitations/accept", Summary: "Join an organisation",
		Description: "Has the caller's user, which exists already, leave its organisation for that of the invitation. Keys stay with the organisation that they were made in.",
		Errors:      []int{http.StatusConflict, http.StatusNotFound},
	}, func(ctx context.Context, in *AcceptInput) (*UserOutput, error) {
		id := callerOf(ctx).id
		if id.UserID == "" {
			return nil, &accounts.ConflictError{Message: "the key belongs to no user, who could join"}
		}
		user, err := a.Accounts.AcceptInvitation(ctx, actorOf(ctx), id.UserID, in.Body.Token)
		return userAnswer(ctx, user, err)
	})
}

func (a *api) invite(ctx context.Context, in *InviteInput) (*InviteOutput, error) {
	if err := pathID("org_", in.ID); err != nil {
		return nil, err
	}
	if in.Body.Role == "" {
		in.Body.Role = accounts.RoleMember
	}
	spec := accounts.InvitationSpec{Email: in.Body.Email, Role: in.Body.Role, Mailed: a.Mail != nil}
	if err := spec.Check(); err != nil {
		return nil, err
	}
	if !isAdmin(ctx) { // the caller's own organisation: one that it only names has its own bound
		if wait := a.byUser.take(callerOf(ctx).id.OrganizationID, a.Now()); wait > 0 {
			return nil, tooMany(fmt.Sprintf("at most %d invitations an hour are made for one organisation", mailsPerHour), wait)
		}
	}
	made, secret, err := a.Accounts.Invite(ctx, actorOf(ctx), in.ID, spec)
	if err != nil {
		return nil, err
	}
	out := &InviteOutput{Body: Invited{Invitation: invitationOf(made, time.Now())}}
	if a.Mail == nil {
		out.Body.Token = secret.Token
		return out, nil
	}
	a.Mail(secret.Email, "You are invited", fmt.Sprintf(`You are invited to join an organisation. To register, send this token as "invitation" to POST /users/register, with this e-mail address; with an account that you have, send it as "token" to POST /invitations/accept:

%s

It is good until %s.
`, secret.Token, secret.ExpiresAt.UTC().Format(time.RFC1123)))
	return out, nil
}
