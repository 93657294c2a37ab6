package history

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// model is a store in memory, small enough to be right by inspection: collectors take batches and commit each in one
// transaction. A bug of bugs_test.go changes one line of it.
type model struct {
	bug        string
	rng        *rand.Rand
	now        time.Time
	faults     float64 // share of deliveries that something happens to
	collectors []*modelCollector

	rows     map[rowID]Row
	cells    map[CellID]Sums
	ledgers  map[ledgerID]int64
	admitted map[allowance]map[string]bool
}

type rowID struct {
	key, id string
	time    time.Time // zero for events without a time of their own
}

type ledgerID struct {
	key     string
	hour    time.Time
	outcome string
}

type allowance struct {
	key string
	day time.Time
}

const (
	modelWidth = 15 * time.Minute
	modelCap   = 3 // endpoints to a key and day
	modelOther = "other"
)

func newModel(seed uint64, bug string, collectors int, faults float64) *model {
	m := &model{
		bug: bug, rng: rand.New(rand.NewPCG(seed, 1)), faults: faults,
		now:  time.Date(2026, 3, 14, 22, 40, 0, 0, time.UTC),
		rows: map[rowID]Row{}, cells: map[CellID]Sums{}, ledgers: map[ledgerID]int64{}, admitted: map[allowance]map[string]bool{},
	}
	for range collectors {
		m.collectors = append(m.collectors, &modelCollector{model: m, seen: map[string]bool{}})
	}
	return m
}

func (m *model) Observe() (Observed, error) {
	var o Observed
	for _, row := range m.rows {
		o.Rows = append(o.Rows, row)
	}
	for id, sums := range m.cells {
		o.Statistics = append(o.Statistics, Cell{id, sums})
	}
	for id, n := range m.ledgers {
		o.Ledger = append(o.Ledger, LedgerRow{id.key, id.hour, id.outcome, n})
	}
	return o, nil
}

// transaction is what a batch changes.
type transaction struct {
	rows    map[rowID]Row
	cells   map[CellID]Sums
	ledgers map[ledgerID]int64
}

func (m *model) commitRows(t transaction) {
	for id, row := range t.rows {
		m.rows[id] = row
	}
}

func (m *model) commitCells(t transaction) {
	for id, sums := range t.cells {
		m.cells[id] = m.cells[id].plus(sums)
	}
}

func (m *model) commitLedgers(t transaction) {
	for id, n := range t.ledgers {
		m.ledgers[id] += n
	}
}

func (m *model) commit(t transaction) {
	m.commitRows(t)
	m.commitCells(t)
	m.commitLedgers(t)
}

// batch is what a sender delivers as one request.
type batch struct {
	events    []Event
	malformed bool // refused for good
}

type modelCollector struct {
	model *model
	seen  map[string]bool // for bugs only
}

// deliver is one request and its answer.
func (c *modelCollector) deliver(b batch) Outcome {
	m := c.model
	if b.malformed {
		if m.bug == "event of a refused batch stored" {
			m.commit(c.prepare(b.events[:1], 0))
		}
		return Failed
	}
	if m.rng.Float64() >= m.faults {
		m.commitAll(c.prepare(b.events, 0))
		return OK
	}
	switch m.rng.IntN(6) {
	case 0: // nobody listens
		return Unknown
	case 1: // killed before COMMIT
		t := c.prepare(b.events, 0)
		switch m.bug {
		case "acknowledged before commit":
			return OK
		case "statistics committed before events":
			m.commitCells(t)
		case "events committed before statistics":
			m.commitRows(t)
			m.commitLedgers(t)
		case "ledger outside the transaction":
			m.commitLedgers(t)
		case "half a batch committed":
			m.commit(c.prepare(b.events[:(len(b.events)+1)/2], 0))
			return OK
		}
		return Unknown
	case 2: // killed between COMMIT and answer
		m.commitAll(c.prepare(b.events, 0))
		return Unknown
	case 3: // the answer to COMMIT is lost, and the collector tries again
		m.commitAll(c.prepare(b.events, 0))
		m.commitAll(c.prepare(b.events, 1))
		return OK
	case 4: // shut down with the batch in the queue
		if m.bug == "dropped at shutdown" {
			return OK
		}
		return Unknown
	default: // the connection is lost before COMMIT, and the collector tries again
		c.prepare(b.events, 0)
		m.commitAll(c.prepare(b.events, 1))
		return OK
	}
}

func (m *model) commitAll(t transaction) {
	if m.bug == "statistics forgotten now and then" && m.rng.IntN(10) == 0 {
		t.cells = nil
	}
	m.commit(t)
}

// prepare works out what a batch changes.
func (c *modelCollector) prepare(events []Event, try int) transaction {
	m := c.model
	t := transaction{map[rowID]Row{}, map[CellID]Sums{}, map[ledgerID]int64{}}
	for i, e := range events {
		note := func(outcome string) { t.ledgers[ledgerID{e.LedgerKey, hour(m.now), outcome}]++ }
		if e.Invalid && m.bug != "accepted window not checked" {
			note("too_old")
			continue
		}
		id, row := m.place(e, try)
		if c.isRepeat(t, id) {
			note(Repeated)
			if m.bug == "statistics from all rows instead of inserted ones" {
				t.count(row, row.Time)
			}
			continue
		}
		c.seen[e.ID] = true
		counted := m.distort(&row, i)
		t.rows[id] = row
		at := counted.Time
		if m.bug == "bucket from the batch's first record" && !events[0].Time.IsZero() {
			at = events[0].Time
		}
		t.count(counted, at)
		note(Stored)
	}
	return t
}

// place is where an event is stored.
func (m *model) place(e Event, try int) (rowID, Row) {
	row := Row{ID: e.ID, Key: e.Key, Vantage: e.Vantage, Time: e.Time, Facts: e.Facts}
	id := rowID{key: e.Key, id: e.ID, time: e.Time}
	if row.Time.IsZero() {
		row.Time = m.now
	}
	switch m.bug {
	case "retry without id":
		id.id = fmt.Sprint(e.ID, " ", try)
	case "dedupe off":
		id.id = fmt.Sprint(e.ID, " ", m.rng.Uint64())
	case "event without time deduplicated by time of receipt":
		id.time = row.Time
	}
	if row.Name == "" {
		row.Endpoint = m.admit(row)
	}
	return id, row
}

func (c *modelCollector) isRepeat(t transaction, id rowID) bool {
	m := c.model
	_, inBatch := t.rows[id]
	_, stored := m.rows[id]
	switch m.bug {
	case "repeats looked for in the batch only":
		if stored {
			delete(m.rows, id) // as an upsert would replace it, statistics count it again
		}
		return inBatch
	case "id remembered before commit":
		return c.seen[id.id]
	}
	return inBatch || stored
}

// distort applies the bugs that make a stored row differ from what statistics count.
func (m *model) distort(row *Row, i int) (counted Row) {
	counted = *row
	now := m.rng.IntN(10) == 0
	switch m.bug {
	case "wrong key":
		if now {
			row.Key = "k0"
			counted.Key = "k0"
		}
	case "stale dictionary":
		if now && row.Name == "" {
			row.Endpoint = "GET /stale"
		}
	case "cap applied to statistics alone":
		if row.Endpoint == modelOther {
			row.Endpoint = "GET /r9"
		}
	case "cap applied to the event alone":
		if row.Endpoint == modelOther {
			counted.Endpoint = "GET /r9"
		}
	case "statistics of a local day":
		counted.Time = row.Time.Add(2 * time.Hour)
	case "time read without its zone":
		row.Time = row.Time.Add(time.Hour)
		counted.Time = row.Time
	case "time of receipt":
		row.Time = m.now
		counted.Time = m.now
	case "errors not counted":
		counted.Failed = false
	case "amount through a float32":
		counted.AmountMicros = int64(float32(row.AmountMicros))
	case "vantages added up":
		counted.Vantage = "server"
	}
	return counted
}

// admit is the endpoint that an event counts under.
func (m *model) admit(row Row) string {
	a := allowance{row.Key, row.Time.Truncate(24 * time.Hour)}
	if m.admitted[a] == nil {
		m.admitted[a] = map[string]bool{}
	}
	if !m.admitted[a][row.Endpoint] && len(m.admitted[a]) == modelCap {
		return modelOther
	}
	m.admitted[a][row.Endpoint] = true
	return row.Endpoint
}

// count adds a row to the statistics of a transaction. It is written apart from the checker's recount on purpose.
func (t transaction) count(row Row, at time.Time) {
	bucket := at.Add(-time.Duration(at.UnixNano() % int64(modelWidth)))
	cell := func(d Dimension, value string) CellID { return CellID{row.Key, row.Vantage, bucket, d, value} }
	if row.Name != "" {
		s := t.cells[cell(ByName, row.Name)]
		s.Count++
		t.cells[cell(ByName, row.Name)] = s
		return
	}
	for _, id := range []CellID{cell(Total, ""), cell(ByEndpoint, row.Endpoint)} {
		s := t.cells[id]
		s.Count++
		s.DurationMicros += row.DurationMicros
		if row.Failed {
			s.Errors++
		}
		t.cells[id] = s
	}
	if row.Currency != "" {
		id := cell(ByCurrency, row.Currency)
		s := t.cells[id]
		s.Count++
		s.AmountMicros += row.AmountMicros
		t.cells[id] = s
	}
}
