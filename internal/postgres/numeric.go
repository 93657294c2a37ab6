package postgres

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"
)

// appendDecimal appends a decimal in the binary form of numeric (numeric_recv in numeric.c): number of digits to the base
// 10,000, weight of the first, sign, digits after the point, digits.
func appendDecimal(dst []byte, d decimal.Decimal) []byte {
	if small, ok := smallAmount(d); ok {
		return appendSmallDecimal(dst, small.units, int(small.places))
	}
	return appendAnyDecimal(dst, d)
}

func appendSizedDecimal(dst []byte, d decimal.Decimal) []byte {
	return appendSized(dst, func(dst []byte) []byte { return appendDecimal(dst, d) })
}

const (
	numericBase     = 10_000
	digitsPerBase   = 4
	maxSmallScale   = 18
	numericNegative = 0x4000
)

// appendSmallDecimal appends coefficient · 10^-scale without a large number.
func appendSmallDecimal(dst []byte, coefficient int64, scale int) []byte {
	sign, n := uint16(0), uint64(coefficient)
	if coefficient < 0 {
		sign, n = numericNegative, -uint64(coefficient)
	}
	// The fraction is filled up to whole digits of the base.
	fraction := (scale + digitsPerBase - 1) / digitsPerBase
	fill := uint64(1)
	for range fraction*digitsPerBase - scale {
		fill *= 10
	}
	var digits [8]uint16 // least significant first; 19 decimal digits and 3 noughts take 6
	count := 0
	// The lowest digit of the base takes the noughts, so that n · fill cannot overflow.
	lowest := numericBase / fill
	for rest, low := n/lowest, n%lowest*fill; rest > 0 || low > 0 || count == 0; rest, low = rest/numericBase, rest%numericBase {
		digits[count] = uint16(low)
		count++
	}
	first := 0 // trailing noughts are not stored
	for first < count && digits[first] == 0 {
		first++
	}
	if first == count {
		return append(dst, 0, 0, 0, 0, 0, 0, 0, byte(scale))
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(count-first))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(count-fraction-1)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(scale))
	for i := count - 1; i >= first; i-- {
		dst = binary.BigEndian.AppendUint16(dst, digits[i])
	}
	return dst
}

var numericPlan = pgtype.NumericCodec{}.PlanEncode(pgtype.NewMap(), pgtype.NumericOID, pgtype.BinaryFormatCode, pgtype.Numeric{})

// appendAnyDecimal leaves it to the driver.
func appendAnyDecimal(dst []byte, d decimal.Decimal) []byte {
	out, err := numericPlan.Encode(pgtype.Numeric{Int: d.Coefficient(), Exp: d.Exponent(), Valid: true}, dst)
	if err != nil {
		panic(err) // every finite decimal can be encoded
	}
	return out
}
