package usagepdata

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// deed is what was done, in the words that requests and custom events share.
type deed struct {
	operation, agent, service string
	errorType                 string
	amount, fee               money
	currency                  string
}

func (d *deed) take(key string, v *value) bool {
	switch key {
	case usageconv.Operation:
		d.operation = text(v, usage.MaxName)
	case usageconv.AgentID:
		d.agent = text(v, usage.MaxName)
	case usageconv.ServiceID:
		d.service = text(v, usage.MaxName)
	case usageconv.ErrorType:
		d.errorType = text(v, usage.MaxName)
	case usageconv.PaymentAmount:
		d.amount = readMoney(v)
	case usageconv.PaymentFee:
		d.fee = readMoney(v)
	case usageconv.PaymentCurrency:
		d.currency = text(v, maxMoney)
	default:
		return false
	}
	return true
}

func (d *deed) describe(e *usage.Event) {
	e.Operation = d.operation
	e.AgentID = d.agent
	e.ServiceID = d.service
	e.ErrorType = d.errorType
}

// maxMoney bounds what is read of an amount. It is more than any valid amount has, so that a cut one is not valid.
const maxMoney = 64

// money is an amount before it is checked.
type money struct {
	text  string
	float bool
}

func (m money) given() bool { return m.text != "" }

func readMoney(v *value) money {
	switch v.kind {
	case pcommon.ValueTypeInt:
		return money{text: v.string()}
	case pcommon.ValueTypeDouble:
		return money{text: v.string(), float: true}
	default:
		return money{text: text(v, maxMoney)}
	}
}

var (
	errFloat    = errors.New("amounts are decimals in strings such as \"12.50\", never floating-point numbers")
	errNoAmount = errors.New("payment amount: missing")
)

// payment is the payment that d carries, or nil when there is none. A currency alone is none.
func (d *deed) payment() (*usage.Payment, error) {
	switch {
	case !d.amount.given() && !d.fee.given():
		return nil, nil
	case !d.amount.given():
		return nil, errNoAmount
	case d.amount.float || d.fee.float:
		return nil, errFloat
	}
	p, err := usage.ParsePayment(d.amount.text, d.fee.text, d.currency)
	if err != nil {
		return nil, fmt.Errorf("amount %q, fee %q, currency %q: %w", d.amount.text, d.fee.text, d.currency, err)
	}
	return p, nil
}

// keepPayment keeps the parts of a payment as plain attributes, for events in which they are not counted.
func (d *deed) keepPayment(k *kept) {
	k.putText(usageconv.PaymentAmount, d.amount.text)
	k.putText(usageconv.PaymentFee, d.fee.text)
	k.putText(usageconv.PaymentCurrency, d.currency)
}
