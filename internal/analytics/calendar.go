package analytics

import "time"

// A period begins at the first instant at which local clocks have reached its first hour, day, week or month, and
// lasts until the next one begins. So every instant lies in exactly one period, whatever clocks do: a day in which
// they change has 23 or 25 hours (or 23½, on Lord Howe Island), and a day that a zone left out has no period.

// date is a calendar day, as midnight UTC.
func date(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// firstInstant is the first instant at which clocks in loc show wall, or later. Clocks may skip wall, or show it twice.
func firstInstant(wall time.Time, loc *time.Location) time.Time {
	// No zone has ever been more than 16 hours away from UTC, so clocks have not reached wall here.
	t := wall.Add(-27 * time.Hour).In(loc)
	for {
		_, offset := t.Zone()
		from, until := t.ZoneBounds()
		at := wall.Add(-time.Duration(offset) * time.Second)
		if at.Before(from) { // skipped
			at = from
		}
		if until.IsZero() || at.Before(until) {
			return at.In(loc)
		}
		t = until
	}
}

// dayOf is the calendar day whose period t lies in. It is the day that clocks show, but for clocks that were set
// back over midnight, as in Newfoundland until 2011: a day that has begun is not left again.
func dayOf(t time.Time) time.Time {
	day := date(t)
	if next := day.AddDate(0, 0, 1); !firstInstant(next, t.Location()).After(t) {
		return next
	}
	return day
}

// monday is the first day of the ISO week of a day.
func monday(day time.Time) time.Time {
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

// next is the start of the period after the one that t lies in.
func (g Granularity) next(t time.Time) time.Time {
	day := dayOf(t)
	switch g {
	case Hourly:
		return nextHour(t)
	case Weekly:
		return firstInstant(monday(day).AddDate(0, 0, 7), t.Location())
	case Monthly:
		return firstInstant(day.AddDate(0, 1, 1-day.Day()), t.Location())
	default:
		return firstInstant(day.AddDate(0, 0, 1), t.Location())
	}
}

// nextHour is the next full hour of local clocks, or the moment when they change, if that is sooner. An hour that clocks
// show twice is two periods, told apart by their offsets.
func nextHour(t time.Time) time.Time {
	_, offset := t.Zone()
	next := t.Add(time.Hour - sinceFullHour(t))
	if _, until := t.ZoneBounds(); !until.IsZero() && until.Before(next) {
		if _, changed := until.Zone(); changed != offset {
			return until
		}
	}
	return next
}

// sinceFullHour is how long ago local clocks showed, or would have shown, a full hour.
func sinceFullHour(t time.Time) time.Duration {
	return time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
}
