package postgres

import (
	"hash/maphash"
	"net/http"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// counter counts events into tallies. Events of a tally share most of their values, so it notes beside each word the place of
// its cell, for as long as it adds to the same tally.
type counter struct {
	words  *vocabulary
	tally  *tally
	total  int // place of the cell, -1 while there is none
	agents [128]seenAgent
}

// seenAgent is an agent whose hash is known, and the turn in which it was seen last.
type seenAgent struct {
	id   string
	hash int64
	turn uint32
}

var agentSeed = maphash.MakeSeed()

// count counts sorted events by key. reconcile_recount.go says the same once more, on its own.
func count(words *vocabulary, records []*record) statistics {
	s := statistics{}
	c := counter{words: words}
	var p period
	for _, r := range records {
		if c.tally == nil || !p.holds(r) {
			p = periodOf(r)
			c.turn(s.at(p))
		}
		c.add(r)
	}
	return s
}

func periodOf(r *record) period {
	return period{key: r.key, vantage: r.event.Vantage, bucket: r.micros - mod(r.micros, bucketMicros)}
}

// holds reports whether the period, a quarter of an hour, is that of a record.
func (p period) holds(r *record) bool {
	return p.key == r.key && p.vantage == r.event.Vantage && p.bucket <= r.micros && r.micros-p.bucket < bucketMicros
}

// turn makes t the tally that is added to.
func (c *counter) turn(t *tally) {
	c.tally, c.total = t, -1
	c.words.turn++
}

// add counts one event.
func (c *counter) add(r *record) {
	e := r.event
	named := domainEventName
	if e.IsRequest() {
		named = domainOperation
		c.request(r)
	} else {
		c.figures(r, domainEventName).call(e)
	}
	if pays(e) {
		c.pay(r)
	}
	if e.Trusted && e.Succeeded() {
		switch c.words.all[r.words[named]].creates {
		case createsAgent:
			c.totals().agents++
		case createsService:
			c.totals().services++
		}
	}
	if e.AgentID != "" {
		c.see(e.AgentID)
	}
}

func (c *counter) request(r *record) {
	e := r.event
	micros := int64(durationMicros(e))
	f := c.totals()
	f.call(e)
	f.durationMicros += micros
	f = c.figures(r, domainEndpoint)
	f.call(e)
	f.durationMicros += micros
	f.latency.Add(micros)
	c.figures(r, domainSDK).call(e)
	c.figures(r, domainCountry).call(e)
	if r.counted[domainOperation] != idUnknown {
		c.figures(r, domainOperation).call(e)
	}
	if r.counted[domainService] != idUnknown {
		c.figures(r, domainService).call(e)
	}
	if e.Status == http.StatusUnauthorized || e.Status == http.StatusTooManyRequests {
		c.tally.figures(cell{dimensionRefused, 0}).count++
	}
}

func (f *figures) call(e *usage.Event) {
	f.count++
	if e.Failed {
		f.errors++
	}
}

// pay counts a payment, or the claim of one.
func (c *counter) pay(r *record) {
	dimension := int16(dimensionPayments)
	if !r.event.Trusted {
		dimension = dimensionClaimed
	}
	money := c.tally.figures(cell{dimension, r.counted[domainCurrency]})
	money.count++
	money.volume.add(r.event.Payment.Amount)
	money.fees.add(r.event.Payment.Fee)
	if !r.event.Trusted {
		return
	}
	c.totals().payments++
	if r.counted[domainService] != idUnknown {
		c.figures(r, domainService).payments++
	}
}

// totals and figures are to be used before the next call of either.
func (c *counter) totals() *figures {
	if c.total < 0 {
		c.total = c.tally.locate(cell{dimensionTotal, 0})
	}
	return &c.tally.cells[c.total]
}

// figures of the value that the record is counted under in a domain which is a dimension too.
func (c *counter) figures(r *record, d domain) *figures {
	w := &c.words.all[r.words[d]]
	if w.turn != c.words.turn {
		w.turn, w.cell = c.words.turn, int32(c.tally.locate(cell{int16(d), r.counted[d]}))
	}
	return &c.tally.cells[w.cell]
}

// see notes an agent. Few agents make most calls, and a look at one that was seen is faster than its hash.
func (c *counter) see(id string) {
	a := &c.agents[maphash.String(agentSeed, id)%uint64(len(c.agents))]
	if a.id != id {
		*a = seenAgent{id: id, hash: agentHash(id)}
	}
	if a.turn != c.words.turn {
		a.turn = c.words.turn
		c.tally.seen[a.hash] = struct{}{}
	}
}
