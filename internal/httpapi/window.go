package httpapi

import "github.com/disco-platform/mirrorball/internal/analytics"

// WindowParams say which time a question is about.
type WindowParams struct {
	StartDate string `query:"start_date" doc:"First day (2026-01-31), or a time of RFC 3339, rounded down to a quarter of an hour. Midnight 29 days before the end if not given." example:"2026-01-01"`
	EndDate   string `query:"end_date" doc:"Last day, which is included, or a time of RFC 3339, which is not, rounded up to a quarter of an hour. Now if not given." example:"2026-01-31"`
	Timezone  string `query:"timezone" doc:"Name in the IANA time zone database; UTC if not given. Days, weeks and hours are those of its clocks. Statistics of long ago are kept by the hour, or the day, in UTC; where they do not fit the answer is 400 and says from when on they do." example:"Europe/Berlin"`
}

func (p WindowParams) request(granularity string) analytics.WindowRequest {
	return analytics.WindowRequest{StartDate: p.StartDate, EndDate: p.EndDate, Timezone: p.Timezone, Granularity: granularity}
}

// Period is the window of an answer.
type Period struct {
	StartDate   string `json:"start_date" doc:"First day, or first instant." example:"2026-01-01"`
	EndDate     string `json:"end_date" doc:"Last day, or the instant at which the period ends." example:"2026-01-31"`
	Granularity string `json:"granularity" enum:"hourly,daily,weekly,monthly"`
	Timezone    string `json:"timezone" example:"Europe/Berlin"`
}

func periodOf(w *analytics.Window) Period {
	return Period{
		StartDate: w.StartDate(), EndDate: w.EndDate(),
		Granularity: string(w.Granularity), Timezone: w.Location.String(),
	}
}
