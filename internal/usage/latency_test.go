package usage

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The order in which durations come, and whether they are counted apart first, makes no difference.
func TestLatencyMerges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOfN(rapid.Int64Range(0, 10_000), 0, 50).Draw(t, "durations")
		cut := rapid.IntRange(0, len(durations)).Draw(t, "cut")
		counts := map[int]uint64{}
		var whole, first, second Latency
		for i, d := range durations {
			counts[LatencyBucket(d)]++
			whole.Add(d)
			if i < cut {
				first.Add(d)
			} else {
				second.Add(d)
			}
		}
		second.Merge(first)
		require.Equal(t, whole, second)
		require.Len(t, whole, len(counts))
		for i, c := range whole {
			require.Equal(t, counts[c.Bucket], c.Count)
			require.True(t, i == 0 || whole[i-1].Bucket < c.Bucket)
		}
	})
}

// The estimate of a quantile is within 2 % of the exact one by nearest rank.
func TestQuantile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOfN(rapid.Int64Range(1, MaxLatency), 1, 200).Draw(t, "durations")
		q := rapid.SampledFrom([]float64{0, 0.5, 0.95, 0.99, 1}).Draw(t, "quantile")
		var l Latency
		for _, d := range durations {
			l.Add(d)
		}
		slices.Sort(durations)
		exact := float64(durations[max(int(math.Ceil(q*float64(len(durations)))), 1)-1])
		require.InEpsilon(t, exact, l.Quantile(q), 0.02)
	})
	require.Zero(t, Latency(nil).Quantile(0.5))
}
