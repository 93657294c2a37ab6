package analytics

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the answer to a time zone must not depend on what the machine has installed

	"github.com/disco-platform/mirrorball/internal/usage"
)

const (
	// MaxPeriods bounds the length of a time series.
	MaxPeriods = 10_000
	// maxAhead lets a question cover the whole of a month that has just begun.
	maxAhead = 31 * 24 * time.Hour
	// defaultDays is the length of a range without a start: today and 29 days before.
	defaultDays = 30

	maxZoneName = 64
)

// earliest is before there was anything to count; since 1972 all zones fit the buckets of statistics.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// ParameterError says what is wrong with one parameter of a question and how to mend it.
type ParameterError struct {
	Parameter string // as in the query
	Message   string
}

func (e *ParameterError) Error() string { return e.Parameter + ": " + e.Message }

// WindowRequest is a window as asked for. Empty fields mean the default.
type WindowRequest struct {
	StartDate, EndDate    string // a date, or a time of RFC 3339
	Granularity, Timezone string
}

// ParseWindow reads a window. A date as end includes that day, a time does not belong to the window itself. Bounds
// that cut a bucket are moved outward, so that nothing that was asked for is left out. Errors are joined
// *[ParameterError].
func ParseWindow(r WindowRequest, now time.Time) (Window, error) {
	var w Window
	var errs [4]error
	w.Granularity, errs[0] = parseGranularity(r.Granularity)
	w.Location, errs[1] = parseZone(r.Timezone)
	if errs[1] != nil {
		w.Location = time.UTC // to find what else is wrong
	}
	w.End, w.EndIsDate, errs[2] = parseEnd(r.EndDate, w.Location, now)
	w.Start, w.StartIsDate, errs[3] = parseStart(r.StartDate, w.Location, w.End)
	if err := errors.Join(errs[:]...); err != nil {
		return w, err
	}
	if err := w.check(now); err != nil {
		return w, err
	}
	if !w.cut(MaxPeriods) {
		return w, &ParameterError{"granularity", fmt.Sprintf("gives more than %d periods; choose a longer one or a shorter range", MaxPeriods)}
	}
	return w, nil
}

func parseGranularity(s string) (Granularity, error) {
	if s == "" {
		return Daily, nil
	}
	names := make([]string, len(Granularities))
	for i, g := range Granularities {
		if names[i] = string(g); s == names[i] {
			return g, nil
		}
	}
	return "", &ParameterError{"granularity", "must be one of " + strings.Join(names, ", ")}
}

func parseZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if isZone(name) {
		if loc, err := time.LoadLocation(name); err == nil {
			return loc, nil
		}
	}
	return nil, &ParameterError{"timezone", "must be a name of the IANA time zone database, such as Europe/Berlin"}
}

// isZone refuses what stands among the zones on many machines, or in Go's copy, and is none: the machine's own zone,
// rules for POSIX strings, a placeholder, and all zones again without and with leap seconds.
func isZone(name string) bool {
	switch name {
	case "Local", "localtime", "posixrules", "Factory":
		return false
	}
	return len(name) <= maxZoneName && !strings.HasPrefix(name, "posix/") && !strings.HasPrefix(name, "right/")
}

// parseEnd rounds up to a bucket bound.
func parseEnd(s string, loc *time.Location, now time.Time) (end time.Time, isDate bool, err error) {
	t := now
	if s != "" {
		if t, isDate, err = parseTime("end_date", s, loc); err != nil {
			return now, isDate, err
		}
	}
	if isDate {
		return firstInstant(t.AddDate(0, 0, 1), loc), true, nil
	}
	return usage.Bucket(t.Add(usage.BucketWidth - 1)).In(loc), false, nil
}

// parseStart rounds down to a bucket bound.
func parseStart(s string, loc *time.Location, end time.Time) (start time.Time, isDate bool, err error) {
	if s == "" {
		last := dayOf(end.Add(-1))
		return firstInstant(last.AddDate(0, 0, 1-defaultDays), loc), true, nil
	}
	t, isDate, err := parseTime("start_date", s, loc)
	if err != nil || !isDate {
		return usage.Bucket(t).In(loc), isDate, err
	}
	return firstInstant(t, loc), true, nil
}

// parseTime reads a date, as midnight UTC, or a time.
func parseTime(parameter, s string, loc *time.Location) (t time.Time, isDate bool, err error) {
	if t, err = time.Parse(time.DateOnly, s); err == nil {
		return t, true, nil
	}
	if t, err = time.Parse(time.RFC3339, s); err == nil {
		return t.In(loc), false, nil
	}
	message := "must be a date such as 2026-01-31, or a time such as 2026-01-31T10:00:00Z"
	if strings.Contains(s, " ") {
		message += "; a + in a query is written %2B"
	}
	return time.Time{}, false, &ParameterError{parameter, message}
}

func (w *Window) check(now time.Time) error {
	latest := now.Add(maxAhead)
	switch {
	case !w.Start.Before(w.End):
		return &ParameterError{"start_date", fmt.Sprintf("%s is not before the end, %s", w.StartDate(), w.End.Format(time.RFC3339))}
	case w.Start.Before(earliest.Add(-maxOffset)):
		return &ParameterError{"start_date", "must be " + earliest.Format(time.DateOnly) + " or later"}
	case w.End.After(latest.Add(24 * time.Hour)):
		return &ParameterError{"end_date", "must be at most 31 days ahead; statistics are available up to now"}
	}
	return nil
}

// maxOffset is how much sooner than in UTC a day begins in the zone where it begins first.
const maxOffset = 14 * time.Hour
