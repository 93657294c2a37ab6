package usageeventsreceiver

import (
	"errors"
	"fmt"
	"strings"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// checkKnown checks the fields of event types that mean something to Mirrorball. Types are free: what it does not know
// passes as it is.
func (e *cloudEvent) checkKnown() error {
	switch {
	case e.eventType == usageconv.EventPaymentCompleted:
		return e.checkPayment(true)
	case e.eventType == usageconv.EventAgentCreated:
		return e.checkIdentifier(usageconv.AgentID, true)
	case e.eventType == usageconv.EventServiceCreated:
		return e.checkIdentifier(usageconv.ServiceID, true)
	case strings.HasPrefix(e.eventType, "disco.payment."):
		return e.checkPayment(false)
	case strings.HasPrefix(e.eventType, "disco.agent."):
		return e.checkIdentifier(usageconv.AgentID, false)
	case strings.HasPrefix(e.eventType, "disco.service."):
		return e.checkIdentifier(usageconv.ServiceID, false)
	}
	return nil
}

// checkPayment checks the parts of a payment that are given; amount and currency have to be, if required.
func (e *cloudEvent) checkPayment(required bool) error {
	amount, hasAmount := e.text(usageconv.PaymentAmount)
	fee, hasFee := e.text(usageconv.PaymentFee)
	currency, hasCurrency := e.text(usageconv.PaymentCurrency)

	var errs error
	if required && !hasAmount {
		errs = errors.Join(errs, errors.New("payment.amount is missing"))
	}
	if required && !hasCurrency {
		errs = errors.Join(errs, errors.New("payment.currency is missing"))
	}
	if hasAmount {
		errs = errors.Join(errs, checkAmount("payment.amount", amount))
	}
	if hasFee {
		errs = errors.Join(errs, checkAmount("payment.fee", fee))
	}
	if hasCurrency && !usage.IsCurrency(currency) {
		errs = errors.Join(errs, fmt.Errorf("payment.currency: %w", usage.ErrBadCurrency))
	}
	return errs
}

func checkAmount(name, amount string) error {
	if _, err := usage.ParseAmount(amount); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkIdentifier checks an id of ours, which has to be there, if required.
func (e *cloudEvent) checkIdentifier(name string, required bool) error {
	short := strings.TrimPrefix(name, discoPrefix)
	id, given := e.text(name)
	switch {
	case !given && required:
		return fmt.Errorf("%s is missing", short)
	case !given:
		return nil
	case id == "":
		return fmt.Errorf("%s is empty", short)
	case len(id) > maxName:
		return fmt.Errorf("%s is longer than %d bytes", short, maxName)
	case !isPlain(id):
		return fmt.Errorf("%s has characters that are not allowed", short)
	}
	return nil
}
