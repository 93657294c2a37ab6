package discoapi

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds of what is kept of one account; the oldest is forgotten first.
const (
	maxPayments = 1000
	maxAgents   = 500
	maxServices = 100
)

// Limits of calls of one key.
const (
	callsPerSecond = 10
	burst          = 20
)

type payment struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"` // "succeeded" or "refunded"
	Amount    string    `json:"amount"`
	Currency  string    `json:"currency"`
	Fee       string    `json:"fee"`
	AgentID   string    `json:"agent_id,omitempty"`
	ServiceID string    `json:"service_id,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

type agent struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

type service struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Price     string    `json:"price"`
	Currency  string    `json:"currency"`
	CreatedAt time.Time `json:"created_at"`
}

// account is what belongs to one API key.
type account struct {
	limiter *rate.Limiter

	mu       sync.Mutex
	payments []*payment
	agents   []agent
	services []service
}

// accounts holds an account for each key that has called. Only known keys get one, so it is bounded by them.
type accounts struct {
	mu   sync.Mutex
	byID map[string]*account
}

func (a *accounts) of(key string) *account {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc, ok := a.byID[key]
	if !ok {
		acc = &account{limiter: rate.NewLimiter(callsPerSecond, burst)}
		a.byID[key] = acc
	}
	return acc
}

func (a *account) find(id string) *payment {
	for _, p := range a.payments {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// keep appends v and forgets the oldest beyond max.
func keep[T any](list []T, v T, max int) []T {
	if len(list) >= max {
		list = append(list[:0], list[len(list)-max+1:]...)
	}
	return append(list, v)
}

// newest lists up to limit values, the newest first.
func newest[T any](list []T, limit int) []T {
	out := make([]T, 0, min(limit, len(list)))
	for i := len(list) - 1; i >= 0 && len(out) < limit; i-- {
		out = append(out, list[i])
	}
	return out
}

func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:20]) }
