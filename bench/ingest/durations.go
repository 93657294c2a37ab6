package main

import (
	"math"
	"slices"
	"time"
)

// durations are samples of one thing.
type durations []time.Duration

// quantile is the smallest sample that at least the share q of all do not exceed; 0 without samples.
func (d durations) quantile(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
