package postgres

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"time"

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
	volume, fees                  amount
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
func (t *tally) figures(c cell) *figures { return &t.cells[t.locate(c)] }

// locate is the place of a cell, which is made where it is new.
func (t *tally) locate(c cell) int {
	i := t.place(c)
	if i >= 0 {
		return i
	}
	i = len(t.cells)
	t.names = append(t.names, c)
	if t.at != nil {
		t.at[c] = i
	}
	if i == cap(t.cells) {
		t.cells = slices.Grow(t.cells, 1)
	}
	t.cells = t.cells[:i+1]
	f := &t.cells[i]
	*f = figures{cell: c, latency: f.latency[:0]} // of the cell that was here in an earlier tally
	return i
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
		t = tallies.Get().(*tally)
		s[p] = t
	}
	return t
}

// tallies of deliveries that were written are used again. Those of a delivery take about a megabyte.
var tallies = sync.Pool{New: func() any { return &tally{seen: map[int64]struct{}{}} }}

// release gives the tallies back; nothing may use the statistics any more.
func (s statistics) release() {
	for _, t := range s {
		if len(t.cells) <= mostKept && len(t.seen) <= mostKept {
			t.reset()
			tallies.Put(t)
		}
	}
}

// What is large is not kept: in time, all tallies would be as large as the largest of all was.
const (
	mostKept        = 256 // cells, or agents
	mostKeptLatency = 32  // latency buckets of a cell
)

func (t *tally) reset() {
	for i := range t.cells {
		if f := &t.cells[i]; cap(f.latency) > mostKeptLatency {
			f.latency = nil
		}
	}
	t.names, t.cells, t.at = t.names[:0], t.cells[:0], nil
	clear(t.seen)
}

const (
	bucketMicros = int64(usage.BucketWidth / time.Microsecond)
	hourMicros   = int64(time.Hour / time.Microsecond)
	dayMicros    = int64(24 * time.Hour / time.Microsecond)
)

// pays reports whether an event carries a payment that came to be.
func pays(e *usage.Event) bool {
	return e.Payment != nil && e.Succeeded() && (e.IsRequest() || e.Name == usageconv.EventPaymentCompleted)
}

// merge adds figures of another cell, its latency histogram apart.
func (f *figures) merge(o *figures) {
	f.count += o.count
	f.errors += o.errors
	f.durationMicros += o.durationMicros
	f.payments += o.payments
	f.agents += o.agents
	f.services += o.services
	f.volume.merge(&o.volume)
	f.fees.merge(&o.fees)
}

// agentHash is the first 8 bytes of the SHA-256 of an agent's id. Among a million agents of a key the chance that any
// two are taken for one is 3e-8 (birthday bound, n²/2^65).
func agentHash(id string) int64 {
	sum := sha256.Sum256([]byte(id))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// mod is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }
