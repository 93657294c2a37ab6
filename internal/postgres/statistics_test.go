package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A tally that is used again knows nothing of what it counted before, and has not grown for good.
func TestTallyIsUsedAgain(t *testing.T) {
	t.Parallel()
	used := &tally{seen: map[int64]struct{}{}}
	for value := range int32(2 * manyCells) {
		f := used.figures(cell{dimensionEndpoint, value})
		f.count, f.volume = 7, amount{units: 7}
		for us := range int64(3 * mostKeptLatency) {
			f.latency.Add(us * us * us)
		}
	}
	used.figures(cell{dimensionSDK, 3}).latency.Add(5)
	used.seen[1] = struct{}{}
	used.reset()
	require.Empty(t, used.seen)
	require.Negative(t, used.place(cell{dimensionEndpoint, 1}))
	for value := range int32(2*manyCells + 1) {
		f := used.figures(cell{dimensionCountry, value})
		require.LessOrEqual(t, cap(f.latency), mostKeptLatency)
		f.latency = nil // which may be empty, and is compared
		require.Equal(t, figures{cell: cell{dimensionCountry, value}}, *f)
	}
}
