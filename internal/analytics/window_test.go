package analytics_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

type request = analytics.WindowRequest

func parse(t *testing.T, now string, r request) analytics.Window {
	t.Helper()
	w, err := analytics.ParseWindow(r, at(t, now))
	require.NoError(t, err)
	return w
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return v
}

func names(w analytics.Window) (all []string) {
	for i := range w.Periods {
		all = append(all, w.PeriodName(i))
	}
	return all
}

// hours is the length of each period.
func hours(w analytics.Window) (all []float64) {
	for i, p := range w.Periods {
		all = append(all, w.PeriodEnd(i).Sub(p).Hours())
	}
	return all
}

func TestDefaultWindow(t *testing.T) {
	t.Parallel()
	w := parse(t, "2026-11-24T07:08:09Z", request{})
	require.Equal(t, "2026-10-26T00:00:00Z", w.Start.Format(time.RFC3339))
	require.Equal(t, "2026-11-24T07:15:00Z", w.End.Format(time.RFC3339))
	require.Equal(t, "2026-10-26", w.StartDate())
	require.Equal(t, "2026-11-24T07:15:00Z", w.EndDate())
	require.Len(t, w.Periods, 30)

	// In Auckland the day has changed already.
	w = parse(t, "2026-11-24T11:30:00Z", request{Timezone: "Pacific/Auckland"})
	require.Equal(t, "2026-10-27T00:00:00+13:00", w.Start.Format(time.RFC3339))
	require.Equal(t, "2026-11-25T00:30:00+13:00", w.End.Format(time.RFC3339))
}

func TestDatesAndTimes(t *testing.T) {
	t.Parallel()
	const now = "2026-11-24T07:08:09Z"
	f := func(r request, start, end, startDate, endDate string, periods ...string) {
		t.Helper()
		w := parse(t, now, r)
		require.Equal(t, start, w.Start.Format(time.RFC3339))
		require.Equal(t, end, w.End.Format(time.RFC3339))
		require.Equal(t, startDate, w.StartDate())
		require.Equal(t, endDate, w.EndDate())
		require.Equal(t, periods, names(w))
		again := parse(t, now, request{StartDate: w.StartDate(), EndDate: w.EndDate(), Granularity: r.Granularity, Timezone: r.Timezone})
		require.Equal(t, w, again, "what is echoed asks the same question")
	}
	f(request{StartDate: "2026-11-01", EndDate: "2026-11-02"}, "2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z", "2026-11-01", "2026-11-02", "2026-11-01", "2026-11-02")
	f(request{StartDate: "2026-11-02", EndDate: "2026-11-02", Timezone: "Asia/Kathmandu"},
		"2026-11-02T00:00:00+05:45", "2026-11-03T00:00:00+05:45", "2026-11-02", "2026-11-02", "2026-11-02")
	f(request{StartDate: "2026-11-02T10:07:31Z", EndDate: "2026-11-02T11:15:00Z", Granularity: "hourly"},
		"2026-11-02T10:00:00Z", "2026-11-02T11:15:00Z", "2026-11-02T10:00:00Z", "2026-11-02T11:15:00Z", "2026-11-02T10:00:00Z", "2026-11-02T11:00:00Z")
	// a time in one zone, asked about in another
	f(request{StartDate: "2026-11-02T10:07:31Z", EndDate: "2026-11-02T11:15:00.5+00:00", Granularity: "hourly", Timezone: "Asia/Kolkata"},
		"2026-11-02T15:30:00+05:30", "2026-11-02T17:00:00+05:30", "2026-11-02T15:30:00+05:30", "2026-11-02T17:00:00+05:30",
		"2026-11-02T15:00:00+05:30", "2026-11-02T16:00:00+05:30")
	// ISO weeks over the turn of the year: 2025 ends on a Wednesday, in week 1 of 2026
	f(request{StartDate: "2025-12-27", EndDate: "2026-01-06", Granularity: "weekly"},
		"2025-12-27T00:00:00Z", "2026-01-07T00:00:00Z", "2025-12-27", "2026-01-06", "2025-W52", "2026-W01", "2026-W02")
	f(request{StartDate: "2025-12-31", EndDate: "2026-02-28", Granularity: "monthly"},
		"2025-12-31T00:00:00Z", "2026-03-01T00:00:00Z", "2025-12-31", "2026-02-28", "2025-12", "2026-01", "2026-02")
}

// Clocks that change: no hour is lost and none is doubled.
func TestDaysInWhichClocksChange(t *testing.T) {
	t.Parallel()
	const berlin, lordHowe, stJohns = "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"
	day := func(now, date, zone, granularity string) analytics.Window {
		return parse(t, now, request{StartDate: date, EndDate: date, Timezone: zone, Granularity: granularity})
	}
	// Berlin: 29 March 2026, 02:00 becomes 03:00; 25 October 2026, 03:00 becomes 02:00
	require.Equal(t, []float64{23}, hours(day("2026-04-01T00:00:00Z", "2026-03-29", berlin, "daily")))
	require.Equal(t, []float64{25}, hours(day("2026-11-01T00:00:00Z", "2026-10-25", berlin, "daily")))
	w := day("2026-11-01T00:00:00Z", "2026-10-25", berlin, "hourly")
	require.Len(t, w.Periods, 25)
	require.Equal(t, []string{"2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"}, names(w)[1:5])
	require.Equal(t, []string{"2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"}, names(day("2026-04-01T00:00:00Z", "2026-03-29", berlin, "hourly"))[1:3])

	// Lord Howe Island: 5 April 2026, 02:00 becomes 01:30; 4 October 2026, 02:00 becomes 02:30
	require.Equal(t, []float64{24.5}, hours(day("2026-04-10T00:00:00Z", "2026-04-05", lordHowe, "daily")))
	require.Equal(t, []float64{23.5}, hours(day("2026-10-10T00:00:00Z", "2026-10-04", lordHowe, "daily")))
	w = day("2026-04-10T00:00:00Z", "2026-04-05", lordHowe, "hourly")
	require.Equal(t, []string{"2026-04-05T01:00:00+11:00", "2026-04-05T01:00:00+10:30", "2026-04-05T02:00:00+10:30"}, names(w)[1:4])
	require.Equal(t, []float64{1, 0.5, 1}, hours(w)[1:4])
	w = day("2026-10-10T00:00:00Z", "2026-10-04", lordHowe, "hourly")
	require.Equal(t, []string{"2026-10-04T01:00:00+10:30", "2026-10-04T02:00:00+11:00", "2026-10-04T03:00:00+11:00"}, names(w)[1:4])
	require.Equal(t, []float64{1, 0.5, 1}, hours(w)[1:4])

	require.Equal(t, []float64{25}, hours(day("2026-11-10T00:00:00Z", "2026-11-01", stJohns, "daily")))
	// Cairo changes at midnight: the day begins at 01:00, 24 April 2026
	w = day("2026-05-01T00:00:00Z", "2026-04-24", "Africa/Cairo", "daily")
	require.Equal(t, "2026-04-24T01:00:00+03:00", w.Start.Format(time.RFC3339))
	require.Equal(t, []float64{23}, hours(w))
	// Samoa left out 30 December 2011
	w = parse(t, "2012-01-10T00:00:00Z", request{StartDate: "2011-12-29", EndDate: "2012-01-01", Timezone: "Pacific/Apia"})
	require.Equal(t, []string{"2011-12-29", "2011-12-31", "2012-01-01"}, names(w))
	require.Equal(t, []float64{24, 24, 24}, hours(w))
	// Newfoundland, 1 November 2009: at 00:01 clocks were set back to 23:01 of the day before, which is over all the same
	w = parse(t, "2009-11-10T00:00:00Z", request{StartDate: "2009-10-31", EndDate: "2009-11-01", Timezone: stJohns})
	require.Equal(t, []string{"2009-10-31", "2009-11-01"}, names(w))
	require.Equal(t, []float64{24, 25}, hours(w))
	w = parse(t, "2009-11-10T00:00:00Z", request{StartDate: "2009-11-01T03:00:00Z", EndDate: "2009-11-01", Timezone: stJohns})
	require.Equal(t, []string{"2009-11-01"}, names(w), "clocks show 23:30 of the day before, again")
}

func TestBadWindows(t *testing.T) {
	t.Parallel()
	f := func(r request, wanted ...string) {
		t.Helper()
		_, err := analytics.ParseWindow(r, at(t, "2026-11-24T07:08:09Z"))
		require.Error(t, err)
		var parameters []string
		var one *analytics.ParameterError
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, part := range joined.Unwrap() {
				require.ErrorAs(t, part, &one)
				parameters = append(parameters, one.Parameter)
			}
		} else if errors.As(err, &one) {
			parameters = append(parameters, one.Parameter)
		}
		require.Equal(t, wanted[1:], parameters, "%v", err)
		require.ErrorContains(t, err, wanted[0])
		require.Less(t, len(err.Error()), 400)
	}
	f(request{StartDate: "2026-11-02", EndDate: "2026-11-01"}, "2026-11-02 is not before the end", "start_date")
	f(request{StartDate: "2026-11-02T00:00:00Z", EndDate: "2026-11-02T00:00:00Z"}, "is not before the end", "start_date")
	f(request{StartDate: "1926-11-24"}, "must be 2000-01-01 or later", "start_date")
	f(request{StartDate: "2026-11-24", EndDate: "2126-11-24"}, "31 days ahead", "end_date")
	f(request{StartDate: "2090-01-01"}, "is not before the end", "start_date")
	f(request{Granularity: "yearly"}, "hourly, daily, weekly, monthly", "granularity")
	f(request{StartDate: "2025-10-20", EndDate: "2026-12-24", Granularity: "hourly"}, "more than 10000 periods", "granularity")
	for _, zone := range []string{
		"Mars/Olympus", "Local", "../../etc/passwd", "/etc/localtime", "europe", "\x00", "UTC\n",
		"localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/Europe/Berlin", "tzdata.zi", "leapseconds",
	} {
		f(request{Timezone: zone}, "IANA", "timezone")
	}
	for _, date := range []string{"yesterday", "2026-02-30", "2026-1-2", "20261124", "2026-11-24T10:00", "2026-11-24T25:00:00Z", "١٢٣٤-٠١-٠١", "\x00"} {
		f(request{StartDate: date}, "must be a date", "start_date")
	}
	f(request{EndDate: "2026-11-24T10:00:00 02:00"}, "%2B", "end_date")
	f(request{StartDate: "x", EndDate: "y", Granularity: "z", Timezone: "?"}, "must be", "granularity", "timezone", "end_date", "start_date")
}

// The whole of a long month that has just begun may be asked for.
func TestWindowMayEndAhead(t *testing.T) {
	t.Parallel()
	w := parse(t, "2026-12-01T00:00:00Z", request{StartDate: "2026-12-01", EndDate: "2026-12-31", Timezone: "Pacific/Kiritimati"})
	require.Len(t, w.Periods, 31)
}
