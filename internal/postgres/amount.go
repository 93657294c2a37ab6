package postgres

import (
	"math"

	"github.com/shopspring/decimal"
)

// amount is an exact sum of money: units · 10^-places while that fits into 64 bits, as it nearly always does, and else a large
// number. It has as many places as the finest of its summands.
type amount struct {
	units  int64
	places int32
	large  *decimal.Decimal
}

func amountOf(d decimal.Decimal) (a amount) {
	a.add(d)
	return a
}

func (a *amount) add(d decimal.Decimal) {
	if small, ok := smallAmount(d); !ok || !a.addSmall(small) {
		a.addLarge(d)
	}
}

func (a *amount) merge(o *amount) {
	if o.large != nil || !a.addSmall(*o) {
		a.addLarge(o.decimal())
	}
}

// smallAmount is a decimal without a large number, if it can be one.
func smallAmount(d decimal.Decimal) (amount, bool) {
	const most = 18 // digits that an int64 holds, whatever they are
	places := -d.Exponent()
	if places < 0 || places > maxSmallScale || d.NumDigits() > most {
		return amount{}, false
	}
	return amount{units: d.CoefficientInt64(), places: places}, true
}

// addSmall changes nothing when the sum does not fit.
func (a *amount) addSmall(o amount) bool {
	if a.large != nil {
		return false
	}
	sum, ok := *a, true
	for ok && sum.places < o.places {
		sum.units, ok = timesTen(sum.units)
		sum.places++
	}
	for ok && o.places < sum.places {
		o.units, ok = timesTen(o.units)
		o.places++
	}
	units := sum.units + o.units
	if !ok || (units > sum.units) != (o.units > 0) {
		return false
	}
	a.units, a.places = units, sum.places
	return true
}

func timesTen(n int64) (int64, bool) { return n * 10, math.MinInt64/10 <= n && n <= math.MaxInt64/10 }

func (a *amount) addLarge(d decimal.Decimal) {
	sum := a.decimal().Add(d)
	*a = amount{large: &sum}
}

func (a *amount) decimal() decimal.Decimal {
	if a.large != nil {
		return *a.large
	}
	return decimal.New(a.units, -a.places)
}

// append appends the sum in the binary form of numeric.
func (a *amount) append(dst []byte) []byte {
	if a.large != nil {
		return appendDecimal(dst, *a.large)
	}
	return appendSmallDecimal(dst, a.units, int(a.places))
}
