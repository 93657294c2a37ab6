package analytics

import (
	"fmt"
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

// Granularities are all of them.
var Granularities = []Granularity{Hourly, Daily, Weekly, Monthly}

// Window is a span of time, half-open, cut into periods. Start and End lie on bounds of usage.BucketWidth.
type Window struct {
	Start, End  time.Time // in Location
	Granularity Granularity
	Location    *time.Location
	// Periods are the starts of the periods, ascending; the first is Start. Each period ends where the next one
	// starts, the last at End. The first and the last may be shorter than the others: a window need not start
	// with a week.
	Periods []time.Time
	// StartIsDate and EndIsDate say that a day was asked for and not a time.
	StartIsDate, EndIsDate bool
}

// cut fills Periods. It reports whether they are at most max.
func (w *Window) cut(max int) bool {
	w.Periods = nil
	for t := w.Start; t.Before(w.End); t = w.Granularity.next(t) {
		if len(w.Periods) == max {
			return false
		}
		w.Periods = append(w.Periods, t)
	}
	return true
}

// PeriodEnd is where period i ends.
func (w *Window) PeriodEnd(i int) time.Time {
	if i+1 < len(w.Periods) {
		return w.Periods[i+1]
	}
	return w.End
}

// PeriodName is the name of period i in ISO 8601: an hour with its offset, a day, a week or a month.
func (w *Window) PeriodName(i int) string {
	t := w.Periods[i]
	switch w.Granularity {
	case Hourly:
		return t.Format("2006-01-02T15:00:00Z07:00")
	case Weekly:
		year, week := dayOf(t).ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case Monthly:
		return dayOf(t).Format("2006-01")
	default:
		return dayOf(t).Format(time.DateOnly)
	}
}

// StartDate is the start in the form in which it may be asked for: a day or a time.
func (w *Window) StartDate() string {
	if w.StartIsDate {
		return dayOf(w.Start).Format(time.DateOnly)
	}
	return w.Start.Format(time.RFC3339)
}

// EndDate is the end in the form in which it may be asked for: the last day, or a time that is not included.
func (w *Window) EndDate() string {
	if w.EndIsDate {
		return dayOf(w.End.Add(-1)).Format(time.DateOnly)
	}
	return w.End.Format(time.RFC3339)
}
