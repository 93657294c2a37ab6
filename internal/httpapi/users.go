package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
)

// UsersInput asks for a list of users.
type UsersInput struct {
	PageParams
	OrganizationID string `query:"organization_id" doc:"Only users of this organisation, or of the one that it was merged into."`
	Email          string `query:"email" doc:"Only users with this address, however it is spelt. Not for analysts."`
}

// UsersOutput is the list.
type UsersOutput struct{ Body Users }

// Users is a part of a list of users.
type Users struct {
	Users      []User `json:"users" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Asks for the part that follows; missing at the end."`
}

// UserInput names a user.
type UserInput struct {
	ID string `path:"id" doc:"The id of a user." example:"usr_4fX0gYkPz1Qm7tRw2Lbd"`
}

// UserOutput is one user.
type UserOutput struct{ Body User }

// ChangeUserInput says what to change of a user.
type ChangeUserInput struct {
	UserInput
	Body ChangeUserBody
}

// ChangeUserBody has the fields to change; others stay.
type ChangeUserBody struct {
	Role      *string `json:"role,omitempty" doc:"Within the organisation: member or admin." example:"admin"`
	Confirmed *bool   `json:"email_confirmed,omitempty" doc:"Admin only: vouches for the address, or takes that back."`
}

func (a *api) registerUsers(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "list-users", Path: "/users", Summary: "Users", Description: "The users that the caller sees, in order of registration.",
	}, func(ctx context.Context, in *UsersInput) (*UsersOutput, error) {
		list := []string{"list-users", in.OrganizationID, in.Email}
		page, err := a.page(in.PageParams, list...)
		var emailErr error
		if in.Email != "" && callerOf(ctx).masked() {
			emailErr = &analytics.ParameterError{Parameter: "email", Message: "is not for analysts, who see no addresses"}
		}
		if err := errors.Join(err, emailErr, checkID("organization_id", in.OrganizationID), checkSearch("email", in.Email)); err != nil {
			return nil, err
		}
		found, err := a.Accounts.Users(ctx, actorOf(ctx), accounts.UserFilter{OrganizationID: in.OrganizationID, Email: in.Email}, page)
		if err != nil {
			return nil, err
		}
		users := make([]User, len(found.Items))
		for i := range found.Items {
			users[i] = *userOf(&found.Items[i], callerOf(ctx).masked())
		}
		return &UsersOutput{Body: Users{Users: users, NextCursor: a.cursor(found.Next, list...)}}, nil
	})
	register(a, h, huma.Operation{
		OperationID: "get-user", Path: "/users/{id}", Summary: "One user", Description: "A user that the caller sees.", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *UserInput) (*UserOutput, error) {
		if err := pathID("usr_", in.ID); err != nil {
			return nil, err
		}
		user, err := a.Accounts.User(ctx, actorOf(ctx), in.ID)
		return userAnswer(ctx, user, err)
	})
	register(a, h, huma.Operation{
		OperationID: "change-user", Method: http.MethodPatch, Path: "/users/{id}", Summary: "Change a user",
		Description: "Changes what is given.", Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *ChangeUserInput) (*UserOutput, error) {
		if err := pathID("usr_", in.ID); err != nil {
			return nil, err
		}
		user, err := a.Accounts.ChangeUser(ctx, actorOf(ctx), in.ID, accounts.UserChange{Role: in.Body.Role, Confirmed: in.Body.Confirmed})
		return userAnswer(ctx, user, err)
	})
}

func userAnswer(ctx context.Context, user *accounts.User, err error) (*UserOutput, error) {
	if err != nil {
		return nil, err
	}
	return &UserOutput{Body: *userOf(user, callerOf(ctx).masked())}, nil
}

// maxSearch bounds a text that is looked for, in bytes.
const maxSearch = 254

func checkSearch(name, text string) error {
	if len(text) > maxSearch || !accounts.Storable(text) {
		return &analytics.ParameterError{Parameter: name, Message: "must be at most 254 bytes without control characters"}
	}
	return nil
}
