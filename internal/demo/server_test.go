package demo

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/demo/traffic"
)

var firstDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func TestFaultsAreRareButForTheOutage(t *testing.T) {
	t.Parallel()
	plan := traffic.NewPlan(1, firstDay)
	faults := func(from time.Time) int {
		n := 0
		for i := range 10_000 {
			if faultAt(plan, from.Add(time.Duration(i)*100*time.Millisecond)) != 0 {
				n++
			}
		}
		return n
	}
	require.InDelta(t, 60, faults(firstDay.Add(10*time.Hour)), 30)
	require.InDelta(t, 2000, faults(firstDay.AddDate(0, 0, 17).Add(14*time.Hour)), 200)
}

func TestWorkHasALongTail(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 10_000 {
		at := firstDay.Add(time.Duration(i) * time.Second)
		all = append(all, workOf(1, at, "payments.create"))
		require.Equal(t, all[i], workOf(1, at, "payments.create"), "the same at the same time")
	}
	slices.Sort(all)
	require.InDelta(t, 95, all[5000].Milliseconds(), 5)
	require.InDelta(t, 95*3.2, all[9900].Milliseconds(), 30) // exp(0.5 × 2.326) = 3.2
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		require.Equal(t, want, grouped(n))
	}
}
