package analytics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// Older, coarser statistics answer what they fit, and say from when on the rest is answered.
func TestKeptFits(t *testing.T) {
	t.Parallel()
	kept := analytics.Kept{QuarterHours: at(t, "2025-10-20T00:00:00Z"), Hours: at(t, "2024-09-15T00:00:00Z")}
	f := func(start, end, granularity, zone, refused string) {
		t.Helper()
		w := parse(t, "2026-11-24T07:08:09Z", request{StartDate: start, EndDate: end, Granularity: granularity, Timezone: zone})
		err := kept.Fits(&w)
		if refused == "" {
			require.NoError(t, err)
			return
		}
		var parameter *analytics.ParameterError
		require.ErrorAs(t, err, &parameter)
		require.Equal(t, "start_date", parameter.Parameter)
		require.ErrorContains(t, err, refused)
		require.Less(t, len(err.Error()), 300)
	}
	const kathmandu, berlin, kolkata = "Asia/Kathmandu", "Europe/Berlin", "Asia/Kolkata"
	// quarters of an hour fit everything
	f("2025-10-20", "2025-10-21", "hourly", "", "")
	f("2025-10-21", "2025-10-22", "hourly", kathmandu, "")
	f("2025-10-20T00:15:00Z", "2025-10-20T00:30:00Z", "hourly", "", "")
	// hours fit zones that are whole hours from UTC. A day in Kathmandu begins at 18:15 UTC of the day before.
	f("2025-10-19", "2025-10-21", "hourly", berlin, "")
	f("2025-10-19", "2025-10-21", "daily", berlin, "")
	f("2025-10-20", "2025-10-21", "daily", kathmandu, "before 2025-10-20 are kept by the hour in UTC, which this range, granularity and timezone cut; start at 2025-10-21 or later")
	f("2025-10-19", "2025-10-21", "monthly", kolkata, "start at 2025-10-21 or later")
	f("2025-10-19T10:15:00Z", "2025-10-21", "daily", "", "start at 2025-10-20 or later")
	f("2025-10-19T10:00:00Z", "2025-10-19T10:45:00Z", "daily", "", "start at 2025-10-20 or later")
	f("2025-10-19T10:15:00Z", "2025-10-19T10:45:00Z", "hourly", kathmandu, "start at 2025-10-21 or later") // 16:00 and 16:30 of its clocks
	// days fit UTC alone; in London in winter
	f("2024-09-01", "2024-09-30", "daily", "", "")
	f("2024-01-15", "2024-12-31", "weekly", "", "")
	f("2004-01-15", "2026-11-01", "monthly", "", "")
	f("2024-01-15", "2024-02-15", "daily", "Europe/London", "")
	f("2024-07-15", "2024-08-15", "daily", "Europe/London", "before 2024-09-15 are kept by the day in UTC, which this range, granularity and timezone cut; start at 2024-09-16 or later, or ask for whole days of UTC")
	f("2024-09-14", "2024-09-16", "hourly", "", "start at 2024-09-15 or later")
	f("2024-09-14", "2024-09-16", "daily", "America/New_York", "start at 2024-09-15 or later") // which begins at 04:00 UTC
	// the last period that does not fit decides, so that the advice is good for all
	f("2024-09-14", "2025-12-01", "daily", kathmandu, "start at 2025-10-21 or later")
}

// Whoever takes the advice is not refused again.
func TestAdviceIsGood(t *testing.T) {
	t.Parallel()
	advice := "; start at "
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
		kept := analytics.Kept{QuarterHours: time.Date(2025, 10, 20, 0, 0, 0, 0, time.UTC), Hours: time.Date(2024, 9, 15, 0, 0, 0, 0, time.UTC)}
		r := analytics.WindowRequest{
			StartDate:   now.Add(-time.Duration(rapid.Int64Range(1, int64(1000*24*time.Hour)).Draw(t, "before"))).Format(time.DateOnly),
			Granularity: rapid.SampledFrom([]string{"daily", "weekly", "monthly"}).Draw(t, "granularity"),
			Timezone:    rapid.SampledFrom(zones).Draw(t, "zone"),
		}
		w, err := analytics.ParseWindow(r, now)
		require.NoError(t, err)
		if err := kept.Fits(&w); err != nil {
			_, rest, found := strings.Cut(err.Error(), advice)
			require.True(t, found)
			r.StartDate = rest[:len(time.DateOnly)]
			w, err := analytics.ParseWindow(r, now)
			require.NoError(t, err)
			require.NoError(t, kept.Fits(&w))
		}
	})
}
