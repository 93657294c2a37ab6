package history

import (
	"fmt"
	"time"
)

// run lets senders deliver batches to the model, and keeps the history.
func (m *model) run(h *History, batches int) {
	for b := range batches {
		work := m.batch(b)
		m.deliver(h, work)
		for m.rng.IntN(3) == 0 { // a client that sends what it has sent before, to whichever collector
			m.deliver(h, work)
		}
	}
}

// deliver repeats a batch as a client does until it has an answer or gives up.
func (m *model) deliver(h *History, b batch) {
	for attempt := 1; attempt <= 4; attempt++ {
		invoked := m.now
		m.pass()
		outcome := m.collectors[m.rng.IntN(len(m.collectors))].deliver(b)
		m.pass()
		for _, e := range b.events {
			h.Add(Attempt{Event: e, Attempt: attempt, Invoked: invoked, Answered: m.now, Outcome: outcome})
		}
		if outcome != Unknown {
			return
		}
	}
}

// pass lets some time go by: mostly little, now and then most of an hour.
func (m *model) pass() {
	m.now = m.now.Add(time.Duration(m.rng.IntN(2000)) * time.Millisecond)
	if m.rng.IntN(20) == 0 {
		m.now = m.now.Add(50 * time.Minute)
	}
}

func (m *model) batch(number int) batch {
	b := batch{malformed: m.rng.IntN(15) == 0}
	ledgerKey := fmt.Sprint("r", m.rng.IntN(2))
	for i := range 1 + m.rng.IntN(8) {
		b.events = append(b.events, m.event(fmt.Sprintf("e%d-%d", number, i), ledgerKey))
	}
	return b
}

func (m *model) event(id, ledgerKey string) Event {
	e := Event{ID: id, LedgerKey: ledgerKey, Key: fmt.Sprint("k", m.rng.IntN(3)), Vantage: []string{"server", "client"}[m.rng.IntN(2)]}
	e.Time = m.now.Add(-time.Duration(m.rng.Int64N(int64(40*24*time.Hour)/1000)) * 1000)
	if m.rng.IntN(4) == 0 {
		e.Time = m.now.Truncate(24 * time.Hour).Add(time.Duration(m.rng.IntN(3)-1) * time.Microsecond) // around midnight
	}
	switch m.rng.IntN(12) {
	case 0:
		e.Invalid = true
		e.Time = m.now.AddDate(-1, 0, 0)
	case 1, 2:
		e.Name, e.Vantage = "started", ""
		if m.rng.IntN(2) == 0 {
			e.Time = time.Time{}
		}
		return e
	}
	e.Endpoint = fmt.Sprint("GET /r", m.rng.IntN(6))
	e.DurationMicros = m.rng.Int64N(1_000_000)
	if e.Failed = m.rng.IntN(5) == 0; !e.Failed && m.rng.IntN(3) == 0 {
		e.Currency = []string{"EUR", "USD"}[m.rng.IntN(2)]
		e.AmountMicros = m.rng.Int64N(1e12) * 10_000
	}
	return e
}
