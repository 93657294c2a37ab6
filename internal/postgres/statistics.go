package postgres

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// grain is the length of a period. The values are stored; never renumber them.
type grain int16

const (
	grainQuarter grain = 0 // of an hour
	grainHour    grain = 1
	grainDay     grain = 2 // UTC
)

// micros is the length.
func (g grain) micros() int64 { return [...]int64{bucketMicros, hourMicros, dayMicros}[g] }

// period names what a row of usage_counts is about.
type period struct {
	key     int32
	grain   grain
	vantage usage.Vantage
	bucket  int64 // its beginning, in microseconds since 1970
}

func (p period) compare(o period) int {
	return cmp.Or(cmp.Compare(p.key, o.key), cmp.Compare(p.grain, o.grain), cmp.Compare(p.vantage, o.vantage), cmp.Compare(p.bucket, o.bucket))
}

// cell is one of the things that are counted in a period.
type cell struct {
	dimension int16 // read.go lists them; 1 to 6 are the domains of the same number
	value     int32 // dictionary id; 0 in dimensionTotal and dimensionRefused; organizations.seq in dimensionOrganization
}

// figures are what a cell grows by.
type figures struct {
	cell
	count, errors, durationMicros int64
	payments, agents, services    int64
	volume, fees                  decimal.Decimal
	latency                       usage.Latency
}

// tally is what a period grows by.
type tally struct {
	names []cell             // of cells
	cells []figures          // in the order of their appearance
	at    map[cell]int       // places, once there are many cells
	seen  map[int64]struct{} // hashes of the ids of agents
}

// manyCells is from when on a map finds a cell faster than a walk does.
const manyCells = 48

// figures of a cell, to be used before the next call.
func (t *tally) figures(c cell) *figures {
	i := t.place(c)
	if i < 0 {
		i = len(t.cells)
		t.names = append(t.names, c)
		t.cells = append(t.cells, figures{cell: c})
		if t.at != nil {
			t.at[c] = i
		}
	}
	return &t.cells[i]
}

func (t *tally) place(c cell) int {
	if t.at != nil {
		if i, ok := t.at[c]; ok {
			return i
		}
		return -1
	}
	i := slices.Index(t.names, c)
	if i < 0 && len(t.names) == manyCells {
		t.at = make(map[cell]int, 2*manyCells)
		for i, name := range t.names {
			t.at[name] = i
		}
	}
	return i
}

// statistics are what a number of stored events adds.
type statistics map[period]*tally

func (s statistics) at(p period) *tally {
	t := s[p]
	if t == nil {
		t = &tally{seen: map[int64]struct{}{}}
		s[p] = t
	}
	return t
}

const (
	bucketMicros = int64(usage.BucketWidth / time.Microsecond)
	hourMicros   = int64(time.Hour / time.Microsecond)
	dayMicros    = int64(24 * time.Hour / time.Microsecond)
)

func periodOf(r *record) period {
	return period{key: r.key, vantage: r.event.Vantage, bucket: r.micros - mod(r.micros, bucketMicros)}
}

// count counts sorted events by key. reconcile_recount.go says the same once more, on its own.
func count(records []*record) statistics {
	s := statistics{}
	var last period
	var t *tally
	for _, r := range records {
		if p := periodOf(r); t == nil || p != last {
			last, t = p, s.at(p)
		}
		t.add(r)
	}
	return s
}

// add counts one event.
func (t *tally) add(r *record) {
	e := r.event
	if e.IsRequest() {
		t.figures(cell{dimensionTotal, 0}).call(e)
		for _, d := range [...]domain{domainEndpoint, domainSDK, domainCountry, domainOperation, domainService} {
			optional := d == domainOperation || d == domainService
			if optional && r.counted[d] == idUnknown {
				continue
			}
			f := t.figures(cell{int16(d), r.counted[d]})
			f.call(e)
			if d == domainEndpoint {
				f.latency.Add(int64(durationMicros(e)))
			}
		}
		if e.Status == http.StatusUnauthorized || e.Status == http.StatusTooManyRequests {
			t.figures(cell{dimensionRefused, 0}).count++
		}
	} else {
		t.figures(cell{dimensionEvent, r.counted[domainEventName]}).call(e)
	}
	if pays(e) {
		t.pay(r)
	}
	switch {
	case creates(e, usageconv.OperationAgentsCreate, usageconv.EventAgentCreated):
		t.figures(cell{dimensionTotal, 0}).agents++
	case creates(e, usageconv.OperationServicesCreate, usageconv.EventServiceCreated):
		t.figures(cell{dimensionTotal, 0}).services++
	}
	if e.AgentID != "" {
		t.seen[agentHash(e.AgentID)] = struct{}{}
	}
}

func (f *figures) call(e *usage.Event) {
	f.count++
	if f.dimension == dimensionTotal || f.dimension == dimensionEndpoint {
		f.durationMicros += int64(durationMicros(e))
	}
	if e.Failed {
		f.errors++
	}
}

// pay counts a payment, or the claim of one.
func (t *tally) pay(r *record) {
	dimension := int16(dimensionPayments)
	if !r.event.Trusted {
		dimension = dimensionClaimed
	}
	money := t.figures(cell{dimension, r.counted[domainCurrency]})
	money.count++
	money.volume = money.volume.Add(r.event.Payment.Amount)
	money.fees = money.fees.Add(r.event.Payment.Fee)
	if !r.event.Trusted {
		return
	}
	t.figures(cell{dimensionTotal, 0}).payments++
	if service := r.counted[domainService]; service != idUnknown {
		t.figures(cell{dimensionService, service}).payments++
	}
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

// merge adds figures of another cell, its latency histogram apart.
func (f *figures) merge(o *figures) {
	f.count += o.count
	f.errors += o.errors
	f.durationMicros += o.durationMicros
	f.payments += o.payments
	f.agents += o.agents
	f.services += o.services
	f.volume = f.volume.Add(o.volume)
	f.fees = f.fees.Add(o.fees)
}

// agentHash is the first 8 bytes of the SHA-256 of an agent's id. Among a million agents of a key the chance that any
// two are taken for one is 3e-8 (birthday bound, n²/2^65).
func agentHash(id string) int64 {
	sum := sha256.Sum256([]byte(id))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// mod is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }
