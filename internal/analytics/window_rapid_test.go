package analytics_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// zones have offsets, or changes of them, that are not whole hours, or change at midnight.
var zones = []string{
	"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo",
	"America/Santiago", "Asia/Tehran", "Pacific/Chatham", "America/Havana", "Atlantic/Azores", "Africa/Casablanca",
}

// Whatever is asked, every instant of the window is in exactly one period, and the one that clocks show.
func TestEveryInstantIsInOnePeriod(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1_359_676_800, 2_100_000_000).Draw(t, "now"), 0) // 2013 to 2036: until 2011 Newfoundland changed at 00:01
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		granularity := rapid.SampledFrom(analytics.Granularities).Draw(t, "granularity")
		start := now.Add(-time.Duration(rapid.Int64Range(1, int64(380*24*time.Hour)).Draw(t, "before")))
		r := analytics.WindowRequest{StartDate: start.UTC().Format(time.RFC3339), Granularity: string(granularity), Timezone: zone}
		if rapid.Bool().Draw(t, "date") {
			r.StartDate = start.UTC().Format(time.DateOnly)
		}
		w, err := analytics.ParseWindow(r, now)
		if err != nil {
			require.ErrorContains(t, err, "is not before the end") // today has not begun in that zone
			return
		}
		require.Equal(t, w.Start, w.Periods[0])
		require.False(t, w.End.Before(now))
		seen := map[string]bool{}
		for i, p := range w.Periods {
			end := w.PeriodEnd(i)
			require.True(t, p.Before(end))
			require.Equal(t, usage.Bucket(p).UnixNano(), p.UnixNano(), "periods consist of whole buckets")
			name := w.PeriodName(i)
			require.False(t, seen[name], "%s comes twice", name)
			seen[name] = true
			for _, instant := range []time.Time{p, p.Add(end.Sub(p) / 2), end.Add(-1)} {
				require.Equal(t, name, shown(instant, granularity), "%s", instant)
			}
		}
		require.Equal(t, w.End, w.PeriodEnd(len(w.Periods)-1))
	})
}

// shown is the period that clocks show.
func shown(t time.Time, g analytics.Granularity) string {
	switch g {
	case analytics.Hourly:
		return t.Format("2006-01-02T15") + t.Format(":00:00Z07:00")
	case analytics.Weekly:
		year, week := t.ISOWeek()
		return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006") + "-W" + string(rune('0'+week/10)) + string(rune('0'+week%10))
	case analytics.Monthly:
		return t.Format("2006-01")
	}
	return t.Format("2006-01-02")
}

// The buckets of the statistics fit every zone as long as statistics are kept, and as far ahead as zones are known.
func TestZonesFitBuckets(t *testing.T) {
	t.Parallel()
	for _, zone := range zones {
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		for at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).In(loc); at.Year() < 2037; {
			_, offset := at.Zone()
			require.Zero(t, offset%int(usage.BucketWidth.Seconds()), "%s %s", zone, at)
			_, until := at.ZoneBounds()
			if until.IsZero() || until.Year() >= 2037 {
				break
			}
			require.True(t, usage.Bucket(until).Equal(until), "%s changes at %s", zone, until)
			at = until
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add("2026-11-01", "2026-11-24T10:00:00+05:45", "weekly", "Asia/Kathmandu")
	f.Add("0000-01-01", "9999-12-31", "hourly", "Local")
	f.Add("", "2026-11-24T23:59:59.999999999Z", "", "")
	now := time.Date(2026, 11, 24, 7, 8, 9, 0, time.UTC)
	f.Fuzz(func(t *testing.T, start, end, granularity, zone string) {
		w, err := analytics.ParseWindow(analytics.WindowRequest{StartDate: start, EndDate: end, Granularity: granularity, Timezone: zone}, now)
		if err != nil {
			return
		}
		require.NotEmpty(t, w.Periods)
		require.LessOrEqual(t, len(w.Periods), analytics.MaxPeriods)
		again, err := analytics.ParseWindow(analytics.WindowRequest{
			StartDate: w.StartDate(), EndDate: w.EndDate(), Granularity: granularity, Timezone: zone,
		}, now)
		require.NoError(t, err)
		require.Equal(t, w, again)
	})
}
