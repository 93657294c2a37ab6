package analytics

import (
	"time"
)

// Granularity is the length of the periods of a time series.
type Granularity string

const (
	Hourly  Granularity = "hourly"
	Daily   Granularity = "daily"
	Weekly  Granularity = "weekly"
	Monthly Granularity = "monthly"
)

// Window is a span of time, half-open, cut into periods. Start and End lie on bucket bounds.
type Window struct {
	Start, End  time.Time // in Location
	Granularity Granularity
	Location    *time.Location
	// Periods are the starts of the periods, ascending; the first is Start. Each period ends where the next one
	// starts, the last at End. The first and the last may be shorter than the others: a window need not start with a week.
	Periods []time.Time
}
