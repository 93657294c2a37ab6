package httpapi

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Registration says who may open an account, and how often.
type Registration struct {
	// Mode is RegistrationOpen, RegistrationByInvitation or RegistrationByAdmin.
	Mode string
	// PerAddress bounds registrations an hour from one address (IPv4) or network (IPv6, /64), PerOrganization those of one
	// organisation, by the name that they give or the invitation's.
	PerAddress, PerOrganization int
	// PerHour and PerMonth are the allowance of the first key; 0 is no bound.
	PerHour, PerMonth int64
}

// Modes of registration.
const (
	RegistrationOpen         = "open"   // anybody
	RegistrationByInvitation = "invite" // who brings an invitation, and admins
	RegistrationByAdmin      = "admin"  // admins
)

// RegisterInput is a registration.
type RegisterInput struct{ Body RegisterBody }

// RegisterBody is what a new user says of itself. internal/accounts checks it.
type RegisterBody struct {
	Email          string `json:"email" required:"false" doc:"Required. A plain address of at most 254 bytes. An address that is registered already gets an account of its own." example:"ada@example.com"`
	Organization   string `json:"organization" required:"false" doc:"Required, but with an invitation or organization_id. At most 100 characters. A new organisation is made, whatever others are called." example:"Analytical Engines"`
	Name           string `json:"name" required:"false" doc:"At most 100 characters." example:"Ada Lovelace"`
	UseCase        string `json:"use_case" required:"false" doc:"At most 500 characters." example:"Agents that pay for compute"`
	ExpectedVolume string `json:"expected_volume" required:"false" doc:"At most 100 characters." example:"10,000 requests a day"`
	Environment    string `json:"environment" required:"false" doc:"Of the key: sandbox or live. Sandbox if not given." example:"sandbox"`
	OrganizationID string `json:"organization_id" required:"false" doc:"Admin only: the existing organisation to join. Others bring an invitation."`
	Invitation     string `json:"invitation" required:"false" doc:"The token of an invitation to this e-mail address: joins its organisation."`
}

// RegisterOutput answers a registration.
type RegisterOutput struct{ Body Registered }

// Registered is a new account with its key.
type Registered struct {
	User         User   `json:"user"`
	Organization Label  `json:"organization"`
	APIKey       string `json:"api_key" doc:"The key. It is shown this once and cannot be shown again." example:"dk_test_4fX0gYkPz1Qm7tRw2Lbd9sLq2vZt6Ny34S48y6"`
	Key          Key    `json:"key"`
	Environment  string `json:"environment" enum:"sandbox,live"`
}

func (a *api) registerRegistration(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "register-user", Method: http.MethodPost, Path: "/users/register", DefaultStatus: http.StatusCreated,
		Summary: "Open an account",
		Description: "Makes a user with a key, and an organisation unless it joins one. No key is needed for it where registration is open. " +
			"Until the address is confirmed, with the token that is sent to it, the key sees its own usage alone.",
		Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *RegisterInput) (*RegisterOutput, error) {
		r, err := a.mayRegister(ctx, &in.Body)
		if err != nil {
			return nil, err
		}
		made, err := a.Accounts.Register(ctx, actorOf(ctx), r)
		if err != nil {
			return nil, err
		}
		if made.Confirm != nil {
			a.mailConfirmation(made.Confirm)
		}
		return &RegisterOutput{Body: Registered{
			User: *userOf(&made.User, false), Organization: *labelOf(&made.User),
			APIKey: made.Key.Raw, Key: keyOf(&made.Key.Key), Environment: made.Key.Key.Environment,
		}}, nil
	})
}

// mayRegister checks the fields before the limits, so that a mistake costs nothing.
func (a *api) mayRegister(ctx context.Context, body *RegisterBody) (accounts.Registration, error) {
	r := accounts.Registration{
		Email: body.Email, Organization: body.Organization, Name: body.Name, UseCase: body.UseCase, ExpectedVolume: body.ExpectedVolume,
		Environment: body.Environment, OrganizationID: body.OrganizationID, Invitation: body.Invitation,
		PerHour: a.Registration.PerHour, PerMonth: a.Registration.PerMonth,
	}
	if r.Environment == "" {
		r.Environment = apikey.Sandbox
	}
	if err := r.Check(); err != nil || isAdmin(ctx) {
		return r, err
	}
	switch {
	case r.OrganizationID != "":
		return r, newProblem(kindForbidden, "organization_id is for admins; name an organisation of your own, or bring an invitation",
			Detail{"body.organization_id", "is for admins"})
	case a.Registration.Mode == RegistrationByAdmin:
		return r, newProblem(kindClosed, "accounts are opened by the platform's admins")
	case a.Registration.Mode == RegistrationByInvitation && r.Invitation == "":
		return r, newProblem(kindClosed, "opening an account takes an invitation", Detail{"body.invitation", "is required"})
	}
	now := a.Now()
	if wait := a.byAddress.take(networkOf(callerOf(ctx).client), now); wait > 0 {
		return r, tooMany(fmt.Sprintf("at most %d registrations an hour come from one address", a.Registration.PerAddress), wait)
	}
	// An invitation is used up by the first registration; guesses at one are bounded by the address.
	if r.Invitation != "" {
		return r, nil
	}
	if wait := a.byOrganization.take(accounts.FoldName(r.Organization), now); wait > 0 {
		return r, tooMany(fmt.Sprintf("at most %d registrations an hour name one organisation", a.Registration.PerOrganization), wait)
	}
	return r, nil
}

func tooMany(message string, wait time.Duration) *Problem {
	p := newProblem(kindTooMany, message)
	p.retryAfter = max(1, int(math.Ceil(wait.Seconds())))
	return p
}
