package postgres

import (
	"cmp"
	"slices"
)

// shares are the sums of organisations. Numbers of organisations are dense, and rows have them in ascending order, so most
// are found on the page that was used last.
type shares struct {
	pages  map[int32]*page
	last   *page
	number int32 // of last
}

const pageLength = 1024

type page [pageLength]share

type share struct{ requests, errors, payments int64 }

func (s *shares) at(organization int32) *share {
	number := organization / pageLength
	if s.last == nil || s.number != number {
		if s.pages[number] == nil {
			s.pages[number] = &page{}
		}
		s.last, s.number = s.pages[number], number
	}
	return &s.last[organization%pageLength]
}

// add counts a value of usage_counts.shares so many times, which may be -1. Of what no vantage saw, only payments count.
func (s *shares) add(value []byte, times int64, seen bool) error {
	requests := times
	if !seen {
		requests = 0
	}
	return eachShare(value, func(organization int32, n, errors, payments int64) {
		to := s.at(organization)
		to.requests += requests * n
		to.errors += requests * errors
		to.payments += times * payments
	})
}

// fold adds what an organisation had that was merged to the one it went into.
func (s *shares) fold(from, into int32) {
	if s.pages[from/pageLength] == nil {
		return
	}
	moved := s.at(from)
	n := *moved
	*moved = share{}
	to := s.at(into)
	to.requests += n.requests
	to.errors += n.errors
	to.payments += n.payments
}

// ranked is what an organisation had, to be put in order.
type ranked struct {
	organization int32
	share
}

// top lists the n organisations with the most requests, of those that had any, or a payment. It keeps no more than those, since
// there may be many.
func (s *shares) top(n int) []ranked {
	list := make([]ranked, 0, n+1)
	for number, page := range s.pages {
		for i := range page {
			r := ranked{number*pageLength + int32(i), page[i]}
			if r.share == (share{}) || len(list) == n && compareRanked(r, list[n-1]) > 0 {
				continue
			}
			place, _ := slices.BinarySearchFunc(list, r, compareRanked)
			list = first(slices.Insert(list, place, r), n)
		}
	}
	return list
}

func compareRanked(a, b ranked) int {
	return cmp.Or(cmp.Compare(b.requests, a.requests), cmp.Compare(a.organization, b.organization))
}
