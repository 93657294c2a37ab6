package traffic

import "math/rand/v2"

// Action is what a user does.
type Action int

const (
	CreatePayment Action = iota
	// CreateLargePayment asks for more than the account holds.
	CreateLargePayment
	GetPayment
	// GetLostPayment asks for a payment that does not exist.
	GetLostPayment
	ListPayments
	RefundPayment
	CreateAgent
	ListAgents
	CreateService
	ListServices
	Collaborate
	// UseWrongKey calls with a key that has a typing error.
	UseWrongKey
	// Notify reports an event of the user's own program as a CloudEvent, without any SDK.
	Notify
)

// weights are per thousand.
var weights = map[Action]int{
	CreatePayment:      385,
	CreateLargePayment: 7,
	GetPayment:         235,
	GetLostPayment:     8,
	ListPayments:       110,
	RefundPayment:      17,
	CreateAgent:        14,
	ListAgents:         68,
	CreateService:      3,
	ListServices:       68,
	Collaborate:        72,
	UseWrongKey:        3,
	Notify:             10,
}

func pickAction(dice *rand.Rand) Action {
	n := dice.IntN(1000)
	for a := CreatePayment; a <= Notify; a++ {
		if n -= weights[a]; n < 0 {
			return a
		}
	}
	panic("weights do not add up to a thousand")
}
