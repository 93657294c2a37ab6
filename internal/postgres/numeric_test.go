package postgres

import (
	"math"
	"math/big"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The driver reads back the number that was written.
func requireReadsBack(t require.TestingT, d decimal.Decimal) {
	var n pgtype.Numeric
	require.NoError(t, pgtype.NewMap().Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, appendDecimal(nil, d), &n), d.String())
	require.True(t, decimal.NewFromBigInt(n.Int, n.Exp).Equal(d), "%s became %s", d, decimal.NewFromBigInt(n.Int, n.Exp))
}

func TestAppendDecimal(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"0", "0.00", "1", "-1", "10000", "9999", "0.0001", "0.00001", "12.50", "100000000", "1e18", "0.000000000000000001",
		"9223372036854775807", "-9223372036854775808", "9.223372036854775807", "123456789012345678901234567890.5", "1e-30",
	} {
		requireReadsBack(t, decimal.RequireFromString(text))
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-20_000, 20_000), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64})).Draw(t, "n")
		requireReadsBack(t, decimal.New(n, -rapid.Int32Range(-3, 20).Draw(t, "scale")))
	})
	requireReadsBack(t, decimal.NewFromBigInt(new(big.Int).Lsh(big.NewInt(1), 200), -7))
}

func BenchmarkAppendDecimal(b *testing.B) {
	d := decimal.RequireFromString("123.45")
	var buf []byte
	for name, encode := range map[string]func([]byte, decimal.Decimal) []byte{"ours": appendDecimal, "driver": appendAnyDecimal} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = encode(buf[:0], d)
			}
		})
	}
}
