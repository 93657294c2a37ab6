package postgres

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/shopspring/decimal"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// cell is the primary key of a row of statistics.
type cell struct {
	key       int32
	bucket    int64 // microseconds since 1970
	vantage   usage.Vantage
	dimension int16 // read.go lists them; 1 to 6 are the domains of the same number
	value     int32 // dictionary id; 0 in dimensionTotal
}

func (c cell) compare(o cell) int {
	return cmp.Or(cmp.Compare(c.key, o.key), cmp.Compare(c.bucket, o.bucket), cmp.Compare(c.vantage, o.vantage),
		cmp.Compare(c.dimension, o.dimension), cmp.Compare(c.value, o.value))
}

// figures are what a row of statistics grows by.
type figures struct {
	count, errors, durationMicros int64
	payments, agents, services    int64
	volume, fees                  decimal.Decimal
	latency                       usage.Latency
}

// presence is the primary key of a row of agent_activity.
type presence struct {
	key, day int32
	vantage  usage.Vantage
	agent    int64
}

func (p presence) compare(o presence) int {
	return cmp.Or(cmp.Compare(p.key, o.key), cmp.Compare(p.day, o.day), cmp.Compare(p.vantage, o.vantage), cmp.Compare(p.agent, o.agent))
}

// slots has one bit for each quarter of an hour of a day; the first is the highest bit of the first byte, as in bit(96).
type slots [12]byte

const bucketMicros = int64(usage.BucketWidth / time.Microsecond)

// statistics are what a batch of stored events adds.
type statistics struct {
	cells  map[cell]*figures
	agents map[presence]*slots
}

func newStatistics() *statistics {
	return &statistics{cells: map[cell]*figures{}, agents: map[presence]*slots{}}
}

func (s *statistics) at(c cell) *figures {
	f := s.cells[c]
	if f == nil {
		f = &figures{}
		s.cells[c] = f
	}
	return f
}

// add counts one event. The recount in reconcile.go says the same in SQL.
func (s *statistics) add(r *record) {
	e := r.event
	c := cell{key: r.key, bucket: r.micros - mod(r.micros, bucketMicros), vantage: e.Vantage}
	in := func(d int16, value int32) *figures {
		c.dimension, c.value = d, value
		return s.at(c)
	}
	if e.IsRequest() {
		in(dimensionTotal, 0).call(e)
		for _, d := range [...]domain{domainEndpoint, domainSDK, domainCountry, domainOperation, domainService} {
			optional := d == domainOperation || d == domainService
			if optional && r.counted[d] == idUnknown {
				continue
			}
			f := in(int16(d), r.counted[d])
			f.call(e)
			if d == domainEndpoint {
				f.latency.Add(int64(durationMicros(e)))
			}
		}
	} else {
		in(int16(domainEventName), r.counted[domainEventName]).call(e)
	}
	if pays(e) && !e.Trusted {
		in(dimensionClaimed, r.counted[domainCurrency]).money(e.Payment)
	}
	if pays(e) && e.Trusted {
		in(dimensionPayments, r.counted[domainCurrency]).money(e.Payment)
		in(dimensionTotal, 0).payments++
		if r.counted[domainService] != idUnknown {
			in(int16(domainService), r.counted[domainService]).payments++
		}
	}
	switch {
	case creates(e, usageconv.OperationAgentsCreate, usageconv.EventAgentCreated):
		in(dimensionTotal, 0).agents++
	case creates(e, usageconv.OperationServicesCreate, usageconv.EventServiceCreated):
		in(dimensionTotal, 0).services++
	}
	s.see(r)
}

func (f *figures) call(e *usage.Event) {
	f.count++
	f.durationMicros += int64(durationMicros(e))
	if e.Failed {
		f.errors++
	}
}

func (f *figures) money(p *usage.Payment) {
	f.count++
	f.volume = f.volume.Add(p.Amount)
	f.fees = f.fees.Add(p.Fee)
}

// pays reports whether an event carries a payment that came to be.
func pays(e *usage.Event) bool {
	return e.Payment != nil && e.Succeeded() && (e.IsRequest() || e.Name == usageconv.EventPaymentCompleted)
}

// creates reports whether an event counts as the creation of what an operation, or a custom event, creates.
func creates(e *usage.Event, operation, name string) bool {
	if !e.Trusted || !e.Succeeded() {
		return false
	}
	if e.IsRequest() {
		return e.Operation == operation
	}
	return e.Name == name
}

// see notes in which quarter of an hour an agent was active.
func (s *statistics) see(r *record) {
	if r.event.AgentID == "" {
		return
	}
	day := dayOf(r.micros)
	p := presence{key: r.key, day: day, vantage: r.event.Vantage, agent: agentHash(r.event.AgentID)}
	seen := s.agents[p]
	if seen == nil {
		seen = &slots{}
		s.agents[p] = seen
	}
	slot := (r.micros - int64(day)*86_400_000_000) / bucketMicros
	seen[slot/8] |= 0x80 >> (slot % 8)
}

// agentHash is the first 8 bytes of the SHA-256 of an agent's id. Among a million agents of a key the chance that any
// two are taken for one is 3e-8 (birthday bound, n²/2^65).
func agentHash(id string) int64 {
	sum := sha256.Sum256([]byte(id))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// mod is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }
