package history

import "time"

// Event is one event as its sender made it.
type Event struct {
	// ID is the sender's own name for the event, unique in a history. It has to be found again in the database by
	// another way than the id that the store deduplicates by.
	ID string `json:"id"`
	// Key is the key that the event belongs to, LedgerKey the one whose ledger it shows up in.
	Key       string `json:"key"`
	LedgerKey string `json:"ledger_key"`
	Vantage   string `json:"vantage,omitempty"`
	// Time is when the event happened; the zero time when the sender does not say: then it is the time of receipt.
	Time time.Time `json:"time,omitzero"`
	// Invalid marks an event that a store must not take although the request that carries it is acknowledged.
	Invalid bool `json:"invalid,omitempty"`
	Facts
}

// Facts are what an event adds to statistics.
type Facts struct {
	// Name is set for custom events, which count under their name and not as requests.
	Name           string `json:"name,omitempty"`
	Endpoint       string `json:"endpoint,omitempty"`
	Failed         bool   `json:"failed,omitempty"`
	DurationMicros int64  `json:"duration_us,omitempty"`
	// Currency is empty when the event carries no payment. AmountMicros is in millionths of it.
	Currency     string `json:"currency,omitempty"`
	AmountMicros int64  `json:"amount_micros,omitempty"`
}

// Outcome is what a sender knows about an attempt.
type Outcome string

const (
	// OK is an acknowledgement: the event must be there.
	OK Outcome = "ok"
	// Failed is a refusal for good: this attempt must have changed nothing.
	Failed Outcome = "failed"
	// Unknown is no answer, or one that invites a retry.
	Unknown Outcome = "unknown"
)

// Attempt is one delivery of one event.
type Attempt struct {
	Event
	Attempt  int       `json:"attempt"`
	Invoked  time.Time `json:"invoked"`
	Answered time.Time `json:"answered"`
	Outcome  Outcome   `json:"outcome"`
}
