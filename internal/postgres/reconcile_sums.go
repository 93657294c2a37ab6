package postgres

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
)

// Whether all figures of a key and day are equal shows in two numbers, one from the events and one from the statistics. Each
// is a sum in the field of the integers modulo a prime, over all cells, of
//
//	random(cell) · Σ random(figure) · figure
//
// It grows by what each event and each row adds, in any order, so nothing has to be kept of single cells. Numbers that are
// equal for figures that are not come up by chance only, two times in 2^61, and with other random numbers in the next run.

// fieldPrime is a Mersenne prime: no division is needed to reduce a product.
const fieldPrime = 1<<61 - 1

// residue is below fieldPrime.
type residue uint64

func (a residue) plus(b residue) residue {
	if a += b; a >= fieldPrime {
		a -= fieldPrime
	}
	return a
}

func (a residue) minus(b residue) residue {
	if a < b {
		a += fieldPrime
	}
	return a - b
}

func (a residue) times(b residue) residue {
	high, low := bits.Mul64(uint64(a), uint64(b))
	return residue(low & fieldPrime).plus(residue(high<<3 | low>>61))
}

// inverseBase times numericBase is 1.
var inverseBase = func() residue { // Fermat: a^(p-2)
	inverse, square := residue(1), residue(numericBase)
	for exponent := uint64(fieldPrime - 2); exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			inverse = inverse.times(square)
		}
		square = square.times(square)
	}
	return inverse
}()

func residueOf(n int64) residue {
	if n %= fieldPrime; n < 0 {
		n += fieldPrime
	}
	return residue(n)
}

// randomness is shared by all sums that are compared.
type randomness struct {
	seed   maphash.Seed
	factor [shareFigures + 2]residue // by figure; volume and fees are the last
}

func newRandomness() *randomness {
	r := &randomness{seed: maphash.MakeSeed()}
	for i := range r.factor {
		r.factor[i] = residue(1 + rand.Uint64N(fieldPrime-1))
	}
	return r
}

// place is what a random number belongs to: a cell, or a latency bucket of one.
type place struct {
	bucket    int64
	value     int32
	dimension int16 // latency buckets count on in steps of slotStep
	seen      int16 // vantage and grain
}

const (
	slotStep   = 16 // more than there are dimensions; the last latency bucket is 548
	grainShift = 8
)

func (r *randomness) of(p place) residue {
	h := maphash.Comparable(r.seed, p)
	return residue(h & fieldPrime).plus(residue(h >> 61))
}

// keyDay is what one comparison is about.
type keyDay struct{ key, day int32 }

// daySum is what keys and days are compared by.
type daySum struct{ figures, agents residue }

// sums is a sink that holds no more than a number to a key and day. It belongs to one goroutine.
type sums struct {
	random *randomness
	of     map[keyDay]*daySum
	agents *agentSet
	// The last period, for most events and rows come in runs.
	last    period
	lastSum *daySum
}

func newSums(random *randomness, agents *agentSet) *sums {
	return &sums{random: random, of: map[keyDay]*daySum{}, agents: agents}
}

func (s *sums) at(p period) *daySum {
	if s.lastSum == nil || p != s.last {
		at := keyDay{p.key, dayOf(p.bucket)}
		s.last, s.lastSum = p, s.of[at]
		if s.lastSum == nil {
			s.lastSum = &daySum{}
			s.of[at] = s.lastSum
		}
	}
	return s.lastSum
}

func (s *sums) grow(p period, dimension int16, value int32, by residue) {
	at := s.at(p)
	where := s.random.of(place{p.bucket, value, dimension, int16(p.grain)<<grainShift | int16(p.vantage)})
	at.figures = at.figures.plus(where.times(by))
}

func (s *sums) add(p period, by *addition) {
	weighted := residue(0)
	for i, n := range by.n {
		switch n {
		case 0:
		case 1:
			weighted = weighted.plus(s.random.factor[i])
		default:
			weighted = weighted.plus(s.random.factor[i].times(residueOf(n)))
		}
	}
	if by.volume != nil {
		weighted = weighted.plus(s.random.factor[shareFigures].times(by.volume.residue()))
	}
	if by.fees != nil {
		weighted = weighted.plus(s.random.factor[shareFigures+1].times(by.fees.residue()))
	}
	s.grow(p, by.dimension, by.value, weighted)
}

func (s *sums) addLatency(p period, c cell, slot int, n int64) {
	s.grow(p, c.dimension+slotStep*int16(1+slot), c.value, residueOf(n))
}

func (s *sums) see(p period, agent int64) {
	if s.agents == nil {
		return
	}
	if mark, first := s.agents.add(p, agent); first {
		at := s.at(p)
		at.agents = at.agents.plus(mark)
	}
}
