package postgres

import (
	"encoding/binary"
	"math/big"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// However COPY's bytes are cut, the rows are the same.
func TestCopiedInPieces(t *testing.T) {
	t.Parallel()
	data := appendCopyHeader(nil)
	for _, row := range [][]string{{"a", "", "ccc"}, {"dd"}} {
		data = binary.BigEndian.AppendUint16(data, uint16(len(row)))
		for _, field := range row {
			data = appendText(data, field) // NULL for ""
		}
	}
	data = binary.BigEndian.AppendUint16(data, 0xffff)
	for size := 1; size <= len(data); size++ {
		var rows [][]string
		c := &copied{row: func(fields [][]byte) error {
			var row []string
			for _, f := range fields {
				row = append(row, string(f))
			}
			rows = append(rows, row)
			return nil
		}}
		for rest := data; len(rest) > 0; {
			n := min(size, len(rest))
			written, err := c.Write(rest[:n])
			require.NoError(t, err)
			require.Equal(t, n, written)
			rest = rest[n:]
		}
		require.NoError(t, c.failed)
		require.Equal(t, [][]string{{"a", "", "ccc"}, {"dd"}}, rows, "pieces of %d", size)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	prime := new(big.Int).SetUint64(fieldPrime)
	for _, text := range []string{
		"0", "1", "-1", "12.50", "10000", "0.0001", "0.00001", "123456789.000000000000000001", "-0.1",
		"999999999999999.999999999999999999", "100000000000000000000", "2305843009213693951",
	} {
		want := decimal.RequireFromString(text)
		n, err := numberOf(appendDecimal(nil, want))
		require.NoError(t, err)
		require.Equal(t, text, n.decimal().StringFixed(-n.decimal().Exponent()))
		// The residue, times the power of ten that makes an integer of it, is that integer's.
		whole := new(big.Int).Mul(new(big.Int).SetUint64(uint64(n.residue())), new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil))
		require.Equal(t, new(big.Int).Mod(want.Shift(18).BigInt(), prime).String(), whole.Mod(whole, prime).String(), text)
	}
	_, err := numberOf([]byte{0, 0, 0, 0, 0xc0, 0, 0, 0}) // NaN
	require.ErrorIs(t, err, errNotFinite)
}

func TestResidue(t *testing.T) {
	t.Parallel()
	prime := new(big.Int).SetUint64(fieldPrime)
	values := []int64{0, 1, -1, 2, 10_000, fieldPrime - 1, fieldPrime, fieldPrime + 1, -fieldPrime, 1<<63 - 1, -1 << 63, 123_456_789_012_345_678}
	same := func(want *big.Int, got residue) {
		require.Equal(t, want.Mod(want, prime).String(), new(big.Int).SetUint64(uint64(got)).String())
	}
	for _, a := range values {
		for _, b := range values {
			x, y := big.NewInt(a), big.NewInt(b)
			same(new(big.Int).Add(x, y), residueOf(a).plus(residueOf(b)))
			same(new(big.Int).Sub(x, y), residueOf(a).minus(residueOf(b)))
			same(new(big.Int).Mul(x, y), residueOf(a).times(residueOf(b)))
		}
	}
	require.Equal(t, residue(1), inverseBase.times(numericBase))
}
