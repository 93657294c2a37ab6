package httpapi

import (
	"time"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// Usage is the usage of some keys in a period.
type Usage struct {
	Subject      Subject       `json:"subject"`
	Period       Period        `json:"period"`
	Overview     Overview      `json:"overview"`
	Payments     Payments      `json:"payments"`
	TimeSeries   []SeriesPoint `json:"time_series" nullable:"false" doc:"Every period, empty ones too."`
	TopEndpoints []Endpoint    `json:"top_endpoints" nullable:"false"`
	SDKVersions  []SDKVersion  `json:"sdk_versions" nullable:"false"`
	Countries    []Country     `json:"countries" nullable:"false"`
	Operations   []Operation   `json:"operations" nullable:"false"`
	Services     []Service     `json:"services" nullable:"false"`
	Features     []Feature     `json:"features" nullable:"false" doc:"Custom events. They never add to requests."`
}

// Subject is whose usage it is. Without an id it is everybody's.
type Subject struct {
	UserID         string `json:"user_id,omitempty"`
	OrganizationID string `json:"organization_id,omitempty"`
	KeyID          string `json:"key_id,omitempty"`
	Environment    string `json:"environment,omitempty" enum:"sandbox,live"`
}

// Overview is the sum of everything.
type Overview struct {
	TotalRequests   int64  `json:"total_requests"`
	ErrorCount      int64  `json:"error_count"`
	ErrorRate       Number `json:"error_rate" doc:"In percent of the requests, two decimals." example:"2.50"`
	UniqueAgents    int64  `json:"unique_agents" doc:"Agents named by the requests and custom events of the keys asked for, the custom events that a customer's own key sent included."`
	AgentsCreated   int64  `json:"agents_created"`
	ServicesCreated int64  `json:"services_created"`
}

// SeriesPoint is one period.
type SeriesPoint struct {
	Period    string    `json:"period" doc:"Its name in ISO 8601: 2026-01-31T10:00:00+01:00, 2026-01-31, 2026-W05 or 2026-01." example:"2026-01-31"`
	Start     time.Time `json:"start" doc:"The first and last period may be cut by the ends of the window."`
	End       time.Time `json:"end"`
	Requests  int64     `json:"requests"`
	Errors    int64     `json:"errors"`
	ErrorRate Number    `json:"error_rate" example:"2.50"`
}

// Endpoint is the usage of one endpoint.
type Endpoint struct {
	Endpoint string `json:"endpoint" doc:"The route; other when the key has used up its day's allowance of distinct ones." example:"/payments/{id}"`
	Method   string `json:"method" example:"GET"`
	Tally
	ResponseTimes
}

// Tally is how many requests share a value.
type Tally struct {
	Count      int64  `json:"count"`
	ErrorCount int64  `json:"error_count"`
	ErrorRate  Number `json:"error_rate" example:"2.50"`
}

// ResponseTimes are in milliseconds.
type ResponseTimes struct {
	Average Number `json:"avg_response_time_ms" doc:"Exact, rounded to the microsecond." example:"41.250"`
	P50     Number `json:"p50_ms" doc:"Within 2 %." example:"32.100"`
	P95     Number `json:"p95_ms" doc:"Within 2 %." example:"120.400"`
	P99     Number `json:"p99_ms" doc:"Within 2 %." example:"310.900"`
}

// SDKVersion is the usage by one release of an SDK.
type SDKVersion struct {
	Name     string `json:"name" example:"disco-sdk-go"`
	Version  string `json:"version" example:"1.4.0"`
	Language string `json:"language" example:"go"`
	Tally
	Share Number `json:"share" doc:"In percent of all requests, two decimals." example:"61.20"`
}

// Country is the usage from one country.
type Country struct {
	Country string `json:"country" doc:"Code of ISO 3166-1; empty when not known." example:"DE"`
	Tally
}

// Operation is the usage of one operation of the SDK.
type Operation struct {
	Operation string `json:"operation" example:"payments.create"`
	Tally
}

// Service is the usage of one service.
type Service struct {
	ServiceID string `json:"service_id"`
	Tally
	Payments int64 `json:"payments"`
}

// Feature is how often a custom event occurred.
type Feature struct {
	Event string `json:"event" example:"agent_collaboration_started"`
	Count int64  `json:"count"`
}

func usageOf(u *analytics.Usage, s analytics.Subject) Usage {
	return Usage{
		Subject:  Subject{UserID: s.UserID, OrganizationID: s.OrganizationID, KeyID: s.KeyID, Environment: s.Environment},
		Period:   periodOf(&u.Window),
		Overview: overviewOf(u),
		Payments: paymentsOf(u.Payments, u.Claimed),

		TimeSeries:   seriesOf(u),
		TopEndpoints: list(u.Endpoints, endpointOf),
		SDKVersions:  list(u.SDKs, sdkVersionOf(u.Requests)),
		Countries:    list(u.Countries, countryOf),
		Operations: list(u.Operations, func(n analytics.Named) Operation {
			return Operation{Operation: n.Name, Tally: tallyOf(n.Counts)}
		}),
		Services: list(u.Services, func(s analytics.Service) Service {
			return Service{ServiceID: s.ID, Tally: tallyOf(s.Counts), Payments: s.Payments}
		}),
		Features: list(u.Features, func(f analytics.Feature) Feature { return Feature(f) }),
	}
}

func overviewOf(u *analytics.Usage) Overview {
	return Overview{
		TotalRequests: u.Requests, ErrorCount: u.Errors, ErrorRate: errorRate(u.Counts),
		UniqueAgents: u.UniqueAgents, AgentsCreated: u.AgentsCreated, ServicesCreated: u.ServicesCreated,
	}
}

func seriesOf(u *analytics.Usage) []SeriesPoint {
	points := make([]SeriesPoint, len(u.Series))
	for i, c := range u.Series {
		points[i] = SeriesPoint{
			Period: u.Window.PeriodName(i), Start: u.Window.Periods[i], End: u.Window.PeriodEnd(i),
			Requests: c.Requests, Errors: c.Errors, ErrorRate: errorRate(c),
		}
	}
	return points
}

func endpointOf(e analytics.Endpoint) Endpoint {
	return Endpoint{Endpoint: e.Route, Method: e.Method, Tally: tallyOf(e.Counts), ResponseTimes: responseTimesOf(e.Response)}
}

func countryOf(n analytics.Named) Country { return Country{Country: n.Name, Tally: tallyOf(n.Counts)} }

func sdkVersionOf(requests int64) func(analytics.SDK) SDKVersion {
	return func(s analytics.SDK) SDKVersion {
		return SDKVersion{
			Name: s.Name, Version: s.Version, Language: s.Language,
			Tally: tallyOf(s.Counts), Share: percent(s.Requests, requests),
		}
	}
}

func tallyOf(c analytics.Counts) Tally {
	return Tally{Count: c.Requests, ErrorCount: c.Errors, ErrorRate: errorRate(c)}
}

func responseTimesOf(r analytics.Response) ResponseTimes {
	return ResponseTimes{
		Average: millis(r.Average), P50: quantile(r, 0.50), P95: quantile(r, 0.95), P99: quantile(r, 0.99),
	}
}
