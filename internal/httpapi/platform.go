package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// PlatformInput is a question about everybody's usage.
type PlatformInput struct {
	WindowParams
	Granularity string `query:"granularity" enum:"hourly,daily,weekly,monthly" doc:"Length of the periods of growth; daily if not given."`
	Environment string `query:"environment" enum:"sandbox,live" doc:"The environment whose keys count; live if not given."`
	Top         string `query:"top" pattern:"^[0-9]+$" doc:"How many rows each list has at most, 1 to 100; 10 if not given."`
}

// PlatformOutput is its answer.
type PlatformOutput struct{ Body Platform }

// Platform is the usage of everybody.
type Platform struct {
	Environment      string            `json:"environment" enum:"sandbox,live"`
	Period           Period            `json:"period"`
	Overview         PlatformOverview  `json:"overview"`
	Payments         Payments          `json:"payments"`
	ResponseTimes    ResponseTimes     `json:"response_times"`
	SDKVersions      []SDKVersion      `json:"sdk_versions" nullable:"false"`
	TopOrganizations []OrganizationUse `json:"top_organizations" nullable:"false"`
	Countries        []Country         `json:"countries" nullable:"false"`
	Growth           []GrowthPoint     `json:"growth" nullable:"false" doc:"Every period, empty ones too."`
	Unattributed     Unattributed      `json:"unattributed"`
}

// PlatformOverview is the sum of everything.
type PlatformOverview struct {
	RegisteredUsers int64  `json:"registered_users" doc:"Users with a key of the environment."`
	ActiveUsers     int64  `json:"active_users" doc:"Of those, the ones that made a request or sent a custom event in the last 30 days."`
	TotalRequests   int64  `json:"total_requests"`
	ErrorCount      int64  `json:"error_count"`
	ErrorRate       Number `json:"error_rate" doc:"In percent of the requests, two decimals." example:"2.50"`
}

// OrganizationUse is the usage of one organisation.
type OrganizationUse struct {
	ID   string `json:"id"`
	Name string `json:"name" doc:"A label. Two organisations may have the same."`
	Tally
	Payments int64 `json:"payments"`
}

// GrowthPoint is one period.
type GrowthPoint struct {
	Period   string `json:"period" example:"2026-01-31"`
	NewUsers int64  `json:"new_users" doc:"Users that got their first key of the environment."`
	NewKeys  int64  `json:"new_keys"`
}

// Unattributed are requests that belong to no key.
type Unattributed struct {
	Requests int64 `json:"requests" doc:"Requests of the period that the platform's servers reported without a registered key, of either environment. They are not part of the other numbers."`
	Errors   int64 `json:"errors"`
}

// activeFor is how long a user counts as active.
const activeFor = 30 * 24 * time.Hour

func (a *api) registerPlatform(h huma.API) {
	register(a, h, huma.Operation{
		OperationID: "get-platform", Path: "/analytics/platform", Summary: "Usage of everybody",
		Description: "The keys of the platform itself, and admins' keys without a user, are nobody's users and are left out.",
	}, func(ctx context.Context, in *PlatformInput) (*PlatformOutput, error) {
		window, windowErr := analytics.ParseWindow(in.request(in.Granularity), a.Now())
		environment, environmentErr := parseEnvironment(in.Environment, apikey.Live)
		top, topErr := parseTop(in.Top)
		if err := errors.Join(windowErr, environmentErr, topErr); err != nil {
			return nil, err
		}
		p, err := a.Reader.Platform(ctx, analytics.PlatformQuestion{
			By: actorOf(ctx), Environment: environment, Window: window, ActiveSince: a.Now().Add(-activeFor), Top: top,
		})
		if err != nil {
			return nil, err
		}
		return &PlatformOutput{Body: platformOf(p, environment)}, nil
	})
}

func platformOf(p *analytics.Platform, environment string) Platform {
	return Platform{
		Environment: environment,
		Period:      periodOf(&p.Window),
		Overview: PlatformOverview{
			RegisteredUsers: p.RegisteredUsers, ActiveUsers: p.ActiveUsers,
			TotalRequests: p.Requests, ErrorCount: p.Errors, ErrorRate: errorRate(p.Counts),
		},
		Payments:      paymentsOf(p.Payments, p.Claimed),
		ResponseTimes: responseTimesOf(p.Response),
		SDKVersions:   list(p.SDKs, sdkVersionOf(p.Requests)),
		TopOrganizations: list(p.Organizations, func(o analytics.Organization) OrganizationUse {
			return OrganizationUse{ID: o.ID, Name: o.Name, Tally: tallyOf(o.Counts), Payments: o.Payments}
		}),
		Countries:    list(p.Countries, countryOf),
		Growth:       growthOf(p),
		Unattributed: Unattributed(p.Nobody),
	}
}

func growthOf(p *analytics.Platform) []GrowthPoint {
	points := make([]GrowthPoint, len(p.Growth))
	for i, g := range p.Growth {
		points[i] = GrowthPoint{Period: p.Window.PeriodName(i), NewUsers: g.NewUsers, NewKeys: g.NewKeys}
	}
	return points
}
