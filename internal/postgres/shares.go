package postgres

import "github.com/disco-platform/mirrorball/internal/analytics"

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

func (s *shares) list() []*sum {
	var list []*sum
	for number, page := range s.pages {
		for i := range page {
			if sh := &page[i]; sh.there {
				list = append(list, &sum{
					value:  number*pageLength + int32(i),
					counts: analytics.Counts{Requests: sh.requests, Errors: sh.errors}, payments: sh.payments,
				})
			}
		}
	}
	return list
}
