package discoapi

import (
	"net/http"
	"regexp"
	"slices"

	"github.com/shopspring/decimal"
)

// Fees are 2.9 per cent and 30 of the currency's hundredth parts, rounded half to even.
var (
	feeRate  = decimal.RequireFromString("0.029")
	feeFixed = decimal.RequireFromString("0.30")
	// balance is what every account can pay at once.
	balance = decimal.RequireFromString("10000")

	plainAmount = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,2})?$`)
	currencies  = []string{"EUR", "GBP", "USD"}
)

func feeOf(amount decimal.Decimal) decimal.Decimal {
	return amount.Mul(feeRate).Add(feeFixed).RoundBank(2)
}

type paymentRequest struct {
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
	AgentID   string `json:"agent_id"`
	ServiceID string `json:"service_id"`
}

func (c *call) createPayment() (int, any, error) {
	var in paymentRequest
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if !plainAmount.MatchString(in.Amount) {
		return 0, nil, badRequest(`amount must be a decimal such as "12.50"`)
	}
	amount := decimal.RequireFromString(in.Amount)
	if !amount.IsPositive() {
		return 0, nil, badRequest("amount must be more than zero")
	}
	if !slices.Contains(currencies, in.Currency) {
		return 0, nil, badRequest("currency must be EUR, GBP or USD")
	}
	if !c.annotateParties(in.AgentID, in.ServiceID) {
		return 0, nil, badRequest("agent_id or service_id is too long")
	}
	if amount.GreaterThan(balance) {
		return 0, nil, errInsufficient
	}

	p := &payment{
		ID: newID("pay_"), Status: "succeeded", Amount: in.Amount, Currency: in.Currency, Fee: feeOf(amount).StringFixed(2),
		AgentID: in.AgentID, ServiceID: in.ServiceID, CreatedAt: c.now(),
	}
	c.account.mu.Lock()
	c.account.payments = keep(c.account.payments, p, maxPayments)
	answer := *p
	c.account.mu.Unlock()
	c.annotatePayment(&answer)
	return http.StatusCreated, &answer, nil
}

func (c *call) getPayment() (int, any, error) {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	p := c.account.find(c.request.PathValue("id"))
	if p == nil {
		return 0, nil, notFound("payment")
	}
	answer := *p
	return http.StatusOK, &answer, nil
}

func (c *call) listPayments() (int, any, error) {
	limit, err := c.limit()
	if err != nil {
		return 0, nil, err
	}
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	data := make([]payment, 0, limit)
	for _, p := range newest(c.account.payments, limit) {
		data = append(data, *p)
	}
	return http.StatusOK, page{Data: data}, nil
}

func (c *call) refundPayment() (int, any, error) {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	p := c.account.find(c.request.PathValue("id"))
	if p == nil {
		return 0, nil, notFound("payment")
	}
	if p.Status == "refunded" {
		return 0, nil, &apiError{http.StatusConflict, "already_refunded", "the payment was refunded before"}
	}
	p.Status = "refunded"
	answer := *p
	return http.StatusOK, &answer, nil
}
