package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// sum is what one value has in the answer.
type sum struct {
	value          int32
	name           string
	counts         analytics.Counts
	payments       int64
	durationMicros int64
	volume, fees   decimal.Decimal
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

// cellSums are the sums of an answer, by what they are about.
type cellSums map[cell]*sum

func (c cellSums) at(at cell) *sum {
	s := c[at]
	if s == nil {
		s = &sum{value: at.value}
		c[at] = s
	}
	return s
}

// ids are the dictionary ids of all values.
func (c cellSums) ids() []int32 {
	ids := make([]int32, 0, len(c))
	for at := range c {
		ids = append(ids, at.value)
	}
	return ids
}

// rank lists the values of a dimension, most requests first; top < 0 means all.
func (c cellSums) rank(dimension int16, names map[int32]string, top int) []*sum {
	var list []*sum
	for at, s := range c {
		if at.dimension == dimension {
			s.name = names[at.value]
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *sum) int {
		return cmp.Or(cmp.Compare(b.counts.Requests, a.counts.Requests), cmp.Compare(a.name, b.name))
	})
	return first(list, top)
}

func first[T any](list []T, n int) []T {
	if n >= 0 && n < len(list) {
		return list[:n]
	}
	return list
}
