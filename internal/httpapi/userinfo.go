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
	User         *User       `json:"user,omitempty" doc:"The verified owner of the key. A key of the platform has none."`
	Organization *Label      `json:"organization,omitempty" doc:"Its organisation. A key of the platform has none."`
	Key          Key         `json:"key"`
	Claimed      *Claimed    `json:"claimed,omitempty" doc:"What callers last said of themselves with this key, if anything. It is shown and never used for anything."`
	RecentUsage  RecentUsage `json:"recent_usage"`
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
	register(a, h, huma.Operation{
		OperationID: "get-user-info", Path: "/analytics/user-info", Summary: "Whose key this is",
		Description: "The verified owner of the caller's key, what was claimed with it, and the usage of the last 30 days.",
	}, func(ctx context.Context, in *UserInfoInput) (*UserInfoOutput, error) {
		window, err := analytics.ParseWindow(analytics.WindowRequest{Timezone: in.Timezone}, a.Now())
		if err != nil {
			return nil, err
		}
		id := callerOf(ctx).id
		key, user, err := a.Accounts.Key(ctx, actorOf(ctx), id.KeyID)
		if err != nil {
			return nil, err
		}
		u, err := a.Reader.Usage(ctx, analytics.UsageQuestion{By: actorOf(ctx), Subject: ownSubject(id), Window: window, Top: 1})
		if err != nil {
			return nil, err
		}
		return &UserInfoOutput{Body: UserInfo{
			User: userOf(user, false), Organization: labelOf(user), Key: keyOf(key), Claimed: claimedOf(key.Claimed),
			RecentUsage: RecentUsage{Period: periodOf(&u.Window), Overview: overviewOf(u), Payments: paymentsOf(u.Payments, u.Claimed)},
		}}, nil
	})
}

func claimedOf(c accounts.Claimed) *Claimed {
	if c.At.IsZero() {
		return nil
	}
	return &Claimed{Email: c.Email, Organization: c.Organization, Metadata: c.Metadata, At: c.At}
}
