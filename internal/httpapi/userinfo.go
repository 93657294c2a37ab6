package httpapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
)

// UserInfoInput is a caller's question who it is.
type UserInfoInput struct {
	Timezone string `query:"timezone" doc:"Name in the IANA time zone database whose midnight recent usage starts at; UTC if not given." example:"Europe/Berlin"`
}

// UserInfoOutput is the answer.
type UserInfoOutput struct{ Body UserInfo }

// UserInfo is what is known about the caller.
type UserInfo struct {
	User         *User         `json:"user,omitempty" doc:"The verified owner of the key. A key of the platform has none."`
	Organization *Organization `json:"organization,omitempty" doc:"Its organisation. A key of the platform has none."`
	Key          Key           `json:"key"`
	Claimed      *Claimed      `json:"claimed,omitempty" doc:"What callers last said of themselves with this key, if anything. It is shown and never used for anything."`
	RecentUsage  RecentUsage   `json:"recent_usage"`
}

// User is a registered user.
type User struct {
	ID             string    `json:"id" example:"usr_4fX0gYkPz1Qm7tRw2Lbd"`
	Email          string    `json:"email" doc:"As registered; not confirmed." example:"ada@example.com"`
	Name           string    `json:"name,omitempty" example:"Ada Lovelace"`
	UseCase        string    `json:"use_case,omitempty"`
	ExpectedVolume string    `json:"expected_volume,omitempty"`
	CreatedAt      time.Time `json:"created_at"`
}

// Organization is what users belong to.
type Organization struct {
	ID   string `json:"id" example:"org_9sLq2vZt6Ny3HcEw8Kpa"`
	Name string `json:"name" example:"Analytical Engines"`
}

// Key is a key without its secret.
type Key struct {
	ID          string     `json:"id" example:"key_1aB3cD5eF7gH9iJ1kL3m"`
	Hint        string     `json:"hint,omitempty" doc:"Kind and last four characters, to tell keys apart." example:"dk_live_…a1B2"`
	Name        string     `json:"name,omitempty"`
	Environment string     `json:"environment" enum:"sandbox,live"`
	Scopes      []string   `json:"scopes" nullable:"false"`
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
}

// Claimed is a claim.
type Claimed struct {
	Email        string            `json:"email,omitempty"`
	Organization string            `json:"organization,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	At           time.Time         `json:"at"`
}

// RecentUsage is the usage of the last 30 days.
type RecentUsage struct {
	Period   Period   `json:"period"`
	Overview Overview `json:"overview"`
	Payments Payments `json:"payments"`
}

func (a *api) registerUserInfo(h huma.API) {
	register(a, h, secured(huma.Operation{
		OperationID: "get-user-info", Path: "/analytics/user-info", Summary: "Whose key this is",
		Description: "The verified owner of the caller's key, what was claimed with it, and the usage of the last 30 days.",
	}, a.authenticate(false, readScopes...)), func(ctx context.Context, in *UserInfoInput) (*UserInfoOutput, error) {
		window, err := analytics.ParseWindow(analytics.WindowRequest{Timezone: in.Timezone}, a.Now())
		if err != nil {
			return nil, err
		}
		caller := callerOf(ctx)
		key, user, err := a.Accounts.Key(ctx, caller.KeyID)
		if err != nil {
			return nil, err
		}
		u, err := a.Reader.Usage(ctx, analytics.UsageQuestion{Subject: ownSubject(caller), Window: window, Top: 1})
		if err != nil {
			return nil, err
		}
		return &UserInfoOutput{Body: UserInfo{
			User: userOf(user), Organization: organizationOf(user), Key: keyOf(key), Claimed: claimedOf(key.Claimed),
			RecentUsage: RecentUsage{Period: periodOf(&u.Window), Overview: overviewOf(u), Payments: paymentsOf(u.Payments, u.Claimed)},
		}}, nil
	})
}

func userOf(u *accounts.User) *User {
	if u == nil {
		return nil
	}
	return &User{
		ID: u.ID, Email: u.Email, Name: u.Name, UseCase: u.UseCase, ExpectedVolume: u.ExpectedVolume, CreatedAt: u.CreatedAt,
	}
}

func organizationOf(u *accounts.User) *Organization {
	if u == nil {
		return nil
	}
	return &Organization{ID: u.OrganizationID, Name: u.OrganizationName}
}

func keyOf(k *accounts.Key) Key {
	out := Key{
		ID: k.KeyID, Hint: k.Hint, Name: k.Name, Environment: k.Environment, Scopes: append([]string{}, k.Scopes...), CreatedAt: k.CreatedAt,
	}
	if !k.ExpiresAt.IsZero() {
		out.ExpiresAt = &k.ExpiresAt
	}
	return out
}

func claimedOf(c accounts.Claimed) *Claimed {
	if c.At.IsZero() {
		return nil
	}
	return &Claimed{Email: c.Email, Organization: c.Organization, Metadata: c.Metadata, At: c.At}
}
