package postgres

import (
	"encoding/binary"
	"errors"
	"math/big"

	"github.com/shopspring/decimal"
)

// number is a numeric in binary form: digits to the base of 10,000 (numeric_send in numeric.c). Nil is 0.
type number []byte

var errNotFinite = errors.New("cannot count a sum of money that is not a finite number")

// numberOf refuses what is not a number.
func numberOf(field []byte) (number, error) {
	if field == nil {
		return nil, nil
	}
	if n := number(field); len(n) < 8 || n.sign() != 0 && n.sign() != numericNegative || len(n) != 8+2*n.digits() {
		return nil, errNotFinite
	}
	return number(field), nil
}

func (n number) digits() int       { return int(binary.BigEndian.Uint16(n)) }
func (n number) weight() int       { return int(int16(binary.BigEndian.Uint16(n[2:]))) } // of the first digit
func (n number) sign() uint16      { return binary.BigEndian.Uint16(n[4:]) }
func (n number) scale() int        { return int(binary.BigEndian.Uint16(n[6:])) } // decimal digits after the point
func (n number) digit(i int) int64 { return int64(binary.BigEndian.Uint16(n[8+2*i:])) }

// exponent is that of the base for the last digit.
func (n number) exponent() int { return n.weight() - n.digits() + 1 }

// decimal has the number's scale, too: sums are shown with it.
func (n number) decimal() decimal.Decimal {
	if n == nil {
		return decimal.Zero
	}
	value, base := new(big.Int), big.NewInt(numericBase)
	for i := range n.digits() {
		value.Add(value.Mul(value, base), big.NewInt(n.digit(i)))
	}
	if n.sign() == numericNegative {
		value.Neg(value)
	}
	if shift := digitsPerBase*n.exponent() + n.scale(); shift >= 0 {
		value.Mul(value, powerOfTen(shift))
	} else {
		value.Quo(value, powerOfTen(-shift)) // noughts
	}
	return decimal.NewFromBigInt(value, -int32(n.scale()))
}

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// residue is the number in the field of [sums]: a fraction has its place there too, because 10,000 has an inverse.
func (n number) residue() residue {
	if n == nil {
		return 0
	}
	value := residue(0)
	for i := range n.digits() {
		value = value.times(numericBase).plus(residue(n.digit(i)))
	}
	for e := n.exponent(); e < 0; e++ {
		value = value.times(inverseBase)
	}
	for range n.exponent() {
		value = value.times(numericBase)
	}
	if n.sign() == numericNegative {
		return residue(0).minus(value)
	}
	return value
}
