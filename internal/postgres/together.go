package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// together sums up what all users' keys did. A day has a cell to each organisation, of which there may be ten thousand: to
// take the rows' arrays apart here is ten times faster than to have Postgres make a row of each cell.
type together struct {
	counted       usage.Vantage
	total         sum
	latency       usage.Latency
	cells         map[cell]*sum
	organizations shares
}

// sum is what one value has in the answer.
type sum struct {
	value          int32
	name           string
	counts         analytics.Counts
	payments       int64
	durationMicros int64
	volume, fees   decimal.Decimal
}

func newTogether(counted usage.Vantage) *together {
	return &together{counted: counted, cells: map[cell]*sum{}, organizations: shares{pages: map[int32]*page{}}}
}

// addRows reads the result of platformRows, whose columns are in binary form.
func (t *together) addRows(rows pgx.Rows) error {
	for rows.Next() {
		if err := t.addRow(rows.RawValues()); err != nil {
			rows.Close()
			return err
		}
	}
	return rows.Err()
}

func (t *together) addRow(columns [][]byte) error {
	r := rowReader{columns: columns}
	seen := usage.Vantage(r.int2()) == t.counted
	none := usage.Vantage(r.last) == usage.VantageNone
	dimensions, values, counts := r.array(), r.array(), r.array()
	errors, payments, durations, volumes, fees, latencies := r.array(), r.array(), r.array(), r.array(), r.array(), r.array()
	for dimensions.more() {
		c := cell{int16(dimensions.int()), int32(values.int())}
		s := sum{counts: analytics.Counts{Requests: counts.int(), Errors: errors.int()}, payments: payments.int(), durationMicros: durations.int()}
		volume, fee := volumes.element(), fees.element()
		switch {
		case c.dimension == dimensionClaimed || c.dimension == dimensionPayments && (seen || none):
			if err := t.at(c).pay(s.counts.Requests, volume, fee); err != nil {
				return err
			}
			continue
		case !seen && !none:
			continue
		case none:
			s.counts, s.durationMicros = analytics.Counts{}, 0 // no requests
		}
		if c.dimension == dimensionOrganization {
			t.organizations.at(c.value).add(&s)
		} else {
			t.at(c).add(&s)
		}
	}
	for latencies.more() {
		l := latencies.int()
		t.latency.Merge(usage.Latency{{Bucket: int(l >> latencyBucketShift & latencyBucketMask), Count: uint64(l & maxLatencyCount)}})
	}
	return r.err
}

func (t *together) at(c cell) *sum {
	if c.dimension == dimensionTotal {
		return &t.total
	}
	s := t.cells[c]
	if s == nil {
		s = &sum{value: c.value}
		t.cells[c] = s
	}
	return s
}

func (s *sum) add(o *sum) {
	s.counts.Requests += o.counts.Requests
	s.counts.Errors += o.counts.Errors
	s.payments += o.payments
	s.durationMicros += o.durationMicros
}

func (s *sum) pay(count int64, volume, fees []byte) error {
	s.counts.Requests += count
	for _, part := range [...]struct {
		sum    *decimal.Decimal
		binary []byte
	}{{&s.volume, volume}, {&s.fees, fees}} {
		n, err := numberOf(part.binary)
		if err != nil {
			return err
		}
		*part.sum = part.sum.Add(n.decimal())
	}
	return nil
}

// average is rounded to the nearest microsecond, halves up.
func (s *sum) average() time.Duration {
	n := s.counts.Requests
	if n == 0 {
		return 0
	}
	return time.Duration((s.durationMicros+n/2)/n) * time.Microsecond
}

func (s *sum) money() analytics.Money {
	return analytics.Money{Currency: s.name, Payments: s.counts.Requests, Volume: plain(s.volume), Fees: plain(s.fees)}
}

// plain has as many fraction digits as the finest summand, as Postgres would write it.
func plain(d decimal.Decimal) string { return d.StringFixed(max(-d.Exponent(), 0)) }

// ids are the dictionary ids of all values.
func (t *together) ids() []int32 {
	ids := make([]int32, 0, len(t.cells))
	for c := range t.cells {
		ids = append(ids, c.value)
	}
	return ids
}

// rank lists the values of a dimension, most requests first; top < 0 means all.
func (t *together) rank(dimension int16, names map[int32]string, top int) []*sum {
	var list []*sum
	for c, s := range t.cells {
		if c.dimension == dimension {
			s.name = names[c.value]
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *sum) int {
		return cmp.Or(cmp.Compare(b.counts.Requests, a.counts.Requests), cmp.Compare(a.name, b.name))
	})
	return first(list, top)
}

func (t *together) topOrganizations(top int) []*sum {
	list := t.organizations.list()
	slices.SortFunc(list, func(a, b *sum) int {
		return cmp.Or(cmp.Compare(b.counts.Requests, a.counts.Requests), cmp.Compare(a.value, b.value))
	})
	return first(list, top)
}

func first(list []*sum, n int) []*sum {
	if n >= 0 && n < len(list) {
		return list[:n]
	}
	return list
}
