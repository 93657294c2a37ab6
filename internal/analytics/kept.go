package analytics

import (
	"fmt"
	"slices"
	"time"
)

// Kept says how finely statistics are kept: from QuarterHours on by the quarter of an hour, before that from Hours on by the
// hour, and before that by the day, all of them in UTC. Both are midnights UTC.
type Kept struct{ QuarterHours, Hours time.Time }

// Fits returns a *[ParameterError] when a period of the window would begin or end within a period of the statistics.
func (k Kept) Fits(w *Window) error {
	if k.cuts(w.End) {
		return k.refuse(w, w.End)
	}
	for _, start := range slices.Backward(w.Periods) { // the last that does not fit says from when on all do
		if k.cuts(start) {
			return k.refuse(w, start)
		}
	}
	return nil
}

func (k Kept) cuts(t time.Time) bool {
	switch {
	case t.Before(k.Hours):
		return !t.Truncate(24 * time.Hour).Equal(t) // UTC days begin at multiples of a day, whatever the location is
	case t.Before(k.QuarterHours):
		return !t.Truncate(time.Hour).Equal(t)
	}
	return false
}

// refuse says from when on the same question is answered, and what is answered before.
func (k Kept) refuse(w *Window, at time.Time) error {
	length, from, instead := "hour", k.QuarterHours, "periods that begin with an hour of UTC"
	if at.Before(k.Hours) {
		length, from, instead = "day", k.Hours, "whole days of UTC"
	}
	return &ParameterError{"start_date", fmt.Sprintf("statistics before %s are kept by the %s in UTC, which this range, granularity and timezone cut; start at %s or later, or ask for %s",
		from.UTC().Format(time.DateOnly), length, firstDay(from, w.Location), instead)}
}

// firstDay is the first day in loc that does not begin before t.
func firstDay(t time.Time, loc *time.Location) string {
	day := dayOf(t.In(loc))
	if firstInstant(day, loc).Before(t) {
		day = day.AddDate(0, 0, 1)
	}
	return day.Format(time.DateOnly)
}
