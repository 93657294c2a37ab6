package analytics

import (
	"time"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// Counts are requests and how many of them failed.
type Counts struct {
	Requests int64
	Errors   int64
}

// Usage is the usage of a subject in a window.
type Usage struct {
	Window Window
	Counts
	UniqueAgents    int64
	AgentsCreated   int64
	ServicesCreated int64
	Payments        []Money  // counted payments, most payments first
	Claimed         []Money  // payments that a customer's own key reported: shown, never counted
	Series          []Counts // one to a period of the window, in order
	Endpoints       []Endpoint
	SDKs            []SDK
	Countries       []Named
	Operations      []Named
	Services        []Service
	Features        []Feature
}

// Money is a number of payments and their sums in one currency.
type Money struct {
	Currency string
	Payments int64
	// Volume and Fees are exact decimals as Postgres writes them: its sum has as many fraction digits as the
	// finest amount.
	Volume string
	Fees   string
}

// Response describes how long requests took.
type Response struct {
	// Average is exact, rounded to the microsecond.
	Average time.Duration
	// Latency gives quantiles within 2 %.
	Latency usage.Latency
}

// Endpoint is the usage of one endpoint. The route is "other" when the key had used up its day's allowance of
// distinct endpoints, and empty when it was not known.
type Endpoint struct {
	Method string
	Route  string
	Counts
	Response
}

// Named is the usage that shares a value, such as a country; "other" and "" as in [Endpoint].
type Named struct {
	Name string
	Counts
}

// SDK is the usage by one release of an SDK.
type SDK struct {
	Name     string
	Version  string
	Language string
	Counts
}

// Service is the usage of one service.
type Service struct {
	ID string
	Counts
	Payments int64
}

// Feature is how often a custom event occurred.
type Feature struct {
	Event string
	Count int64
}

// Platform is the usage of everybody in one environment. The keys of the platform itself are left out.
type Platform struct {
	Window Window
	Counts
	Response
	RegisteredUsers int64 // users with a key of this environment, revoked or not
	ActiveUsers     int64 // users with a request or custom event since the question's ActiveSince
	Payments        []Money
	Claimed         []Money
	// Nobody are requests that belong to no key, of either environment.
	Nobody        Counts
	SDKs          []SDK
	Countries     []Named
	Organizations []Organization
	Growth        []Growth // one to a period of the window, in order
}

// Organization is the usage of one organisation. Names are not unique.
type Organization struct {
	ID   string
	Name string
	Counts
	Payments int64
}

// Growth is how many users and keys were made in a period.
type Growth struct {
	NewUsers int64
	NewKeys  int64
}
