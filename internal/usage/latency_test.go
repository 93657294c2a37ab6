package usage

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// numericValue reads the binary form of a numeric by its definition: Σ digit[i] · 10000^(weight-i).
func numericValue(t require.TestingT, b []byte) *big.Int {
	n, weight := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:])))
	require.Len(t, b, 8+2*n)
	sum := new(big.Int)
	for i := range n {
		digit := int64(binary.BigEndian.Uint16(b[8+2*i:]))
		require.Less(t, digit, int64(10_000))
		power := new(big.Int).Exp(big.NewInt(10_000), big.NewInt(int64(weight-i)), nil)
		sum.Add(sum, power.Mul(power, big.NewInt(digit)))
	}
	return sum
}

// asNumeric is the definition of the stored form: Σ count · 10^(12·bucket).
func asNumeric(l Latency) *big.Int {
	sum := new(big.Int)
	for _, c := range l {
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(12*c.Bucket)), nil)
		sum.Add(sum, power.Mul(power, new(big.Int).SetUint64(c.Count)))
	}
	return sum
}

func latencyGen() *rapid.Generator[Latency] {
	return rapid.Custom(func(t *rapid.T) Latency {
		var l Latency
		for bucket, n := range rapid.MapOfN(rapid.IntRange(0, 548), rapid.Uint64Range(1, 1e12-1), 0, 20).Draw(t, "counts") {
			l = append(l, LatencyCount{bucket, n})
		}
		slices.SortFunc(l, func(a, b LatencyCount) int { return a.Bucket - b.Bucket })
		return l
	})
}

func TestLatencyIsStoredExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := latencyGen().Draw(t, "latency")
		stored := l.AppendNumeric(nil)
		require.Zero(t, asNumeric(l).Cmp(numericValue(t, stored)))
		back, err := ParseLatency(stored)
		require.NoError(t, err)
		require.Equal(t, l, back)
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

func FuzzParseLatency(f *testing.F) {
	f.Add(Latency{{0, 1}, {5, 20_000}, {548, 999_999_999_999}}.AppendNumeric(nil))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0xff, 0xff})
	f.Add([]byte{0, 1, 0, 0, 0xc0, 0, 0, 0, 0, 1}) // NaN
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLatency(b)
		if err != nil {
			return
		}
		for i := 1; i < len(l); i++ {
			require.Less(t, l[i-1].Bucket, l[i].Bucket)
		}
		l.Quantile(0.99)
	})
}
