package postgres

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// Whatever the order in which records come, they end in the order in which locks are taken, and events in that of their index.
func TestSortRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOf(rapid.Custom(func(t *rapid.T) *record {
			return &record{
				event: &usage.Event{ID: usage.ID{rapid.Byte().Draw(t, "id")}},
				key:   rapid.Int32Range(-2, 2).Draw(t, "key"), micros: rapid.Int64Range(-3, 3).Draw(t, "time"),
			}
		})).Draw(t, "records")
		want := slices.Clone(records)
		slices.SortStableFunc(want, compareRecords)
		sortRecords(records)
		require.True(t, slices.IsSortedFunc(records, compareRecords))
		require.ElementsMatch(t, want, records)

		slices.SortStableFunc(want, func(a, b *record) int { return cmp.Compare(a.micros, b.micros) })
		require.Equal(t, want, inTimeOrder(records))
	})
}
