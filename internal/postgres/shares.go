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

type share struct {
	requests, errors, payments int64
	there                      bool
}

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

func (s *share) add(requests, errors, payments int64) {
	s.there = true
	s.requests += requests
	s.errors += errors
	s.payments += payments
}

// fold adds what an organisation had that was merged to the one it went into.
func (s *shares) fold(from, into int32) {
	if s.pages[from/pageLength] == nil {
		return
	}
	moved := *s.at(from)
	if !moved.there {
		return
	}
	*s.at(from) = share{}
	s.at(into).add(moved.requests, moved.errors, moved.payments)
}

// ranked is what an organisation had, to be put in order.
type ranked struct {
	organization int32
	share
}

// top lists the n organisations with the most requests. It keeps no more than those, since there may be many.
func (s *shares) top(n int) []ranked {
	list := make([]ranked, 0, n+1)
	for number, page := range s.pages {
		for i := range page {
			r := ranked{number*pageLength + int32(i), page[i]}
			if !r.there || len(list) == n && compareRanked(r, list[n-1]) > 0 {
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
