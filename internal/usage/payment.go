package usage

import (
	"errors"
	"fmt"

	"github.com/shopspring/decimal"
)

// Bounds of an amount. 15 digits before the point hold any plausible payment in any currency; 18 after it
// hold the smallest unit of the finest currency in use (ether's wei). They also bound what a hostile
// "1e400" can make us allocate.
const (
	maxAmountIntegerDigits  = 15
	maxAmountFractionDigits = 18
)

// Payment is an amount of money that moved, exactly.
type Payment struct {
	Amount decimal.Decimal
	// Fee is what the platform kept; zero when the event names none.
	Fee decimal.Decimal
	// Currency is an ISO 4217 code in capitals.
	Currency string
}

// Reasons why a payment is dropped. The request that carried it still counts.
var (
	ErrBadAmount   = errors.New("amount is not a plain decimal such as 12.50")
	ErrBadCurrency = errors.New("currency is not an ISO 4217 code such as EUR")
)

// ParsePayment reads a payment from its attributes. fee may be empty.
// The errors are ErrBadAmount and ErrBadCurrency, wrapped with the name of the part that is wrong.
func ParsePayment(amount, fee, currency string) (*Payment, error) {
	a, err := ParseAmount(amount)
	if err != nil {
		return nil, fmt.Errorf("payment amount: %w", err)
	}
	f := decimal.Zero
	if fee != "" {
		if f, err = ParseAmount(fee); err != nil {
			return nil, fmt.Errorf("payment fee: %w", err)
		}
	}
	if !IsCurrency(currency) {
		return nil, fmt.Errorf("payment currency: %w", ErrBadCurrency)
	}
	return &Payment{Amount: a, Fee: f, Currency: currency}, nil
}

// ParseAmount reads a non-negative decimal without sign, exponent, separators or spaces.
func ParseAmount(s string) (decimal.Decimal, error) {
	if !plainDecimal(s) {
		return decimal.Zero, ErrBadAmount
	}
	if d, ok := shortDecimal(s); ok {
		return d, nil
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Zero, ErrBadAmount
	}
	return d, nil
}

// shortDecimal reads a plain decimal whose digits fit into an int64, as those of nearly all amounts do.
func shortDecimal(s string) (decimal.Decimal, bool) {
	const maxDigits = 18
	if len(s) > maxDigits+len(".") {
		return decimal.Zero, false
	}
	var digits int64
	var n, places int32
	for i := range len(s) {
		if s[i] == '.' {
			places = int32(len(s) - i - 1)
			continue
		}
		digits, n = digits*10+int64(s[i]-'0'), n+1
	}
	if n > maxDigits {
		return decimal.Zero, false
	}
	return decimal.New(digits, -places), true
}

// plainDecimal reports whether s is digits, optionally with a point and more digits, within the bounds.
func plainDecimal(s string) bool {
	point := -1
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
		case c == '.' && point < 0:
			point = i
		default:
			return false
		}
	}
	integer, fraction := len(s), 0
	if point >= 0 {
		integer, fraction = point, len(s)-point-1
		if fraction == 0 {
			return false
		}
	}
	return integer > 0 && integer <= maxAmountIntegerDigits && fraction <= maxAmountFractionDigits
}
