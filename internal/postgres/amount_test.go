package postgres

import (
	"math"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever is added up, in whatever order, the sum is that of large numbers, written with as many places.
func TestAmountIsExact(t *testing.T) {
	t.Parallel()
	numbers := rapid.OneOf(
		rapid.Int64Range(0, 100_000), rapid.Int64(), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, math.MaxInt64 / 10, 0, -1}),
	)
	rapid.Check(t, func(t *rapid.T) {
		var left, right amount
		want := decimal.Zero
		for range rapid.IntRange(0, 12).Draw(t, "summands") {
			d := decimal.New(numbers.Draw(t, "n"), -rapid.Int32Range(-2, 20).Draw(t, "places"))
			want = want.Add(d)
			if rapid.Bool().Draw(t, "left") {
				left.add(d)
			} else {
				right.add(d)
			}
		}
		left.merge(&right)
		sum := left.decimal()
		require.Equal(t, want.Exponent(), sum.Exponent())
		require.True(t, want.Equal(sum), "%s became %s", want, sum)
		require.Equal(t, appendDecimal(nil, want), left.append(nil))
	})
}

// Sums of what payments usually are take no memory of their own.
func TestAmountOfPaymentsIsSmall(t *testing.T) {
	price, fee := decimal.RequireFromString("199.90"), decimal.RequireFromString("0.005")
	var sum amount
	require.Zero(t, testing.AllocsPerRun(100, func() {
		sum.add(price)
		sum.add(fee)
	}))
	require.Nil(t, sum.large)
}
