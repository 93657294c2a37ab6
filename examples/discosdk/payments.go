package discosdk

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

// Payments moves money between agents.
type Payments struct{ c *Client }

// Payment is money that moved. Amounts are decimals such as "12.50".
type Payment struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	Amount    string    `json:"amount"`
	Currency  string    `json:"currency"`
	Fee       string    `json:"fee"`
	AgentID   string    `json:"agent_id"`
	ServiceID string    `json:"service_id"`
	CreatedAt time.Time `json:"created_at"`
}

// PaymentParams describe a payment to make. Amount and Currency are required.
type PaymentParams struct {
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
	AgentID   string `json:"agent_id,omitempty"`
	ServiceID string `json:"service_id,omitempty"`
}

var (
	paymentsCreate = endpoint{"payments.create", http.MethodPost, "/payments"}
	paymentsGet    = endpoint{"payments.get", http.MethodGet, "/payments/{id}"}
	paymentsList   = endpoint{"payments.list", http.MethodGet, "/payments"}
	paymentsRefund = endpoint{"payments.refund", http.MethodPost, "/payments/{id}/refund"}
)

// Create makes a payment.
func (p *Payments) Create(ctx context.Context, params PaymentParams) (*Payment, error) {
	var out Payment
	err := p.c.call(ctx, paymentsCreate, "/payments", params, &out,
		sdkinstrumentation.WithPayment(params.Amount, params.Currency, ""), // the fee is the platform's to state
		sdkinstrumentation.WithAgent(params.AgentID),
		sdkinstrumentation.WithService(params.ServiceID))
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// Get finds a payment.
func (p *Payments) Get(ctx context.Context, id string) (*Payment, error) {
	var out Payment
	if err := p.c.call(ctx, paymentsGet, "/payments/"+url.PathEscape(id), nil, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// List lists the latest payments, the newest first. limit is 1 to 100.
func (p *Payments) List(ctx context.Context, limit int) ([]Payment, error) {
	var out page[Payment]
	if err := p.c.call(ctx, paymentsList, "/payments"+withLimit(limit), nil, &out); err != nil {
		return nil, err
	}
	return out.Data, nil
}

// Refund gives a payment back.
func (p *Payments) Refund(ctx context.Context, id string) (*Payment, error) {
	var out Payment
	if err := p.c.call(ctx, paymentsRefund, "/payments/"+url.PathEscape(id)+"/refund", nil, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// page is a list as the API answers it.
type page[T any] struct {
	Data []T `json:"data"`
}

func withLimit(n int) string { return "?limit=" + strconv.Itoa(n) }
