package httpapi

import (
	"context"
	"fmt"
	"math"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// RegisterInput is a registration.
type RegisterInput struct{ Body RegisterBody }

// RegisterBody is what a new user says of itself. internal/accounts checks it.
type RegisterBody struct {
	Email          string `json:"email" required:"false" doc:"Required. A plain address of at most 254 bytes. An address that is registered already gets an account of its own." example:"ada@example.com"`
	Organization   string `json:"organization" required:"false" doc:"Required, but with organization_id. At most 100 characters. A new organisation is made, whatever others are called." example:"Analytical Engines"`
	Name           string `json:"name" required:"false" doc:"At most 100 characters." example:"Ada Lovelace"`
	UseCase        string `json:"use_case" required:"false" doc:"At most 500 characters." example:"Agents that pay for compute"`
	ExpectedVolume string `json:"expected_volume" required:"false" doc:"At most 100 characters." example:"10,000 requests a day"`
	Environment    string `json:"environment" required:"false" doc:"Of the key: sandbox or live. Sandbox if not given." example:"sandbox"`
	OrganizationID string `json:"organization_id" required:"false" doc:"Admin only: the existing organisation to join." example:"org_9sLq2vZt6Ny3HcEw8Kpa"`
}

// RegisterOutput answers a registration.
type RegisterOutput struct{ Body Registered }

// Registered is a new account with its key.
type Registered struct {
	User         User         `json:"user"`
	Organization Organization `json:"organization"`
	APIKey       string       `json:"api_key" doc:"The key. It is shown this once and cannot be shown again." example:"dk_test_…"`
	Key          Key          `json:"key"`
	Environment  string       `json:"environment" enum:"sandbox,live"`
}

func (a *api) registerUsers(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "register-user", Method: http.MethodPost, Path: "/users/register", DefaultStatus: http.StatusCreated,
		Summary:     "Open an account",
		Description: "Makes a user, an organisation and a key. No key is needed for it; an admin's key lifts the limit and may name an existing organisation.",
		Security:    []map[string][]string{{}, {bearer: {}}},
		Middlewares: huma.Middlewares{jsonOnly, a.authenticate(true), withClient(a)},
		Errors: []int{
			http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout,
			http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests, http.StatusServiceUnavailable,
		},
	}, func(ctx context.Context, in *RegisterInput) (*RegisterOutput, error) {
		if err := a.mayRegister(ctx, &in.Body); err != nil {
			return nil, err
		}
		user, key, err := a.Accounts.Register(ctx, accounts.Registration(in.Body))
		if err != nil {
			return nil, err
		}
		return &RegisterOutput{Body: Registered{
			User: *userOf(user), Organization: *organizationOf(user),
			APIKey: key.Raw, Key: keyOf(&accounts.Key{Identity: key.Identity, Hint: apikey.Hint(key.Raw)}),
			Environment: key.Identity.Environment,
		}}, nil
	})
}

// mayRegister checks the fields before the limit, so that a mistake costs nothing.
func (a *api) mayRegister(ctx context.Context, body *RegisterBody) error {
	if body.Environment == "" {
		body.Environment = apikey.Sandbox
	}
	r := accounts.Registration(*body)
	if err := r.Check(); err != nil {
		return err
	}
	caller := callerOf(ctx)
	if caller != nil && caller.Has(apikey.ScopeAdmin) {
		return nil
	}
	if r.OrganizationID != "" {
		return newProblem(kindForbidden, "organization_id is for admins; name an organisation of your own",
			Detail{"body.organization_id", "is for admins"})
	}
	if wait := a.registrations.take(clientOf(ctx), a.Now()); wait > 0 {
		p := newProblem(kindTooMany, fmt.Sprintf("at most %d registrations an hour come from one address", a.RegistrationsPerHour))
		p.retryAfter = int(math.Ceil(wait.Seconds()))
		return p
	}
	return nil
}
