package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// mailsPerHour bounds the mails that one user, or one organisation, can have sent.
const mailsPerHour = 20

// tokensPerHour bounds the tokens that are tried from one address. They are too long to be guessed; it is the database that is
// to be left alone.
const tokensPerHour = 100

// ConfirmInput brings a token.
type ConfirmInput struct{ Body TokenBody }

// TokenBody is a token from a mail.
type TokenBody struct {
	Token string `json:"token" doc:"As it stood in the mail." example:"Zk3vT8pQw1XcR5nYb7Ls0DfGh2Jm4Ka9"`
}

func (a *api) registerConfirmation(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "confirm-email", Method: http.MethodPost, Path: "/users/confirm", DefaultStatus: http.StatusNoContent,
		Summary: "Confirm an address", Description: "Shows that the owner of an account reads the mail of its address, by the token that was sent there.",
	}, func(ctx context.Context, in *ConfirmInput) (*struct{}, error) {
		if wait := a.byToken.take(networkOf(callerOf(ctx).client), a.Now()); wait > 0 {
			return nil, tooMany("too many tokens came from this address", wait)
		}
		return nil, a.Accounts.ConfirmEmail(ctx, actorOf(ctx), in.Body.Token)
	})
	register(a, h, huma.Operation{
		OperationID: "request-confirmation", Method: http.MethodPost, Path: "/users/confirmation", DefaultStatus: http.StatusAccepted,
		Summary: "Have a token sent", Description: "Sends a new token to the address of the caller's user. Earlier ones are void. Nothing is sent once the address is confirmed.",
		Errors: []int{http.StatusConflict},
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		id := callerOf(ctx).id
		switch {
		case id.UserID == "":
			return nil, &accounts.ConflictError{Message: "the key belongs to no user, so there is no address to confirm"}
		case a.Mail == nil:
			return nil, &accounts.ConflictError{Message: "this installation sends no mail; ask the platform's operators to confirm the address"}
		}
		if wait := a.byUser.take(id.UserID, a.Now()); wait > 0 {
			return nil, tooMany(fmt.Sprintf("at most %d mails an hour are sent for one user", mailsPerHour), wait)
		}
		s, err := a.Accounts.RequestConfirmation(ctx, actorOf(ctx), id.UserID)
		if err == nil && s != nil {
			a.mailConfirmation(s)
		}
		return nil, err
	})
}

func (a *api) mailConfirmation(s *accounts.Secret) {
	if a.Mail == nil {
		return
	}
	a.Mail(s.Email, "Confirm your e-mail address", fmt.Sprintf(`An account was opened with this e-mail address. If that was you, confirm the address by sending this token to POST /users/confirm, as {"token": "…"}:

%s

It is good until %s. If it was not you, there is nothing to do: without the token nobody can use your address.
`, s.Token, s.ExpiresAt.UTC().Format(time.RFC1123)))
}
