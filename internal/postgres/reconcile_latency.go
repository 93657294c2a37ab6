package postgres

import (
	"math"
	"slices"
	"sync"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// latencyBounds are the lower bounds, in microseconds, of the latency buckets from 1 on: a search among them is exactly
// usage.LatencyBucket, with no logarithm that two programs might round differently.
var latencyBounds = sync.OnceValue(func() []int32 {
	last := usage.LatencyBucket(usage.MaxLatency)
	bounds := make([]int32, last)
	for bucket := 1; bucket <= last; bucket++ {
		low, high := int64(0), int64(usage.MaxLatency)
		for low < high {
			middle := (low + high) / 2
			if usage.LatencyBucket(middle) >= bucket {
				high = middle
			} else {
				low = middle + 1
			}
		}
		bounds[bucket-1] = int32(low)
	}
	return bounds
})

// latencySlot is the latency bucket of a duration in microseconds: how many bounds are not above it. Short durations skip
// buckets, so bounds repeat.
func latencySlot(bounds []int32, us int32) int {
	if us == math.MaxInt32 {
		return len(bounds)
	}
	slot, _ := slices.BinarySearch(bounds, us+1)
	return slot
}
