package postgres

import (
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// people are the users of an environment, counted by their keys. To count them here takes a third of the time of the statements
// with windows and distinct counts that would say the same, and to send arrays half of that of ten thousand rows.
type people struct {
	bounds []int64       // of the periods, in microseconds since 1970
	active []bool        // by api_keys.seq, which are dense
	users  []countedUser // by users.seq
	growth []analytics.Growth
}

type countedUser struct {
	first         int64 // when its first key was made, in microseconds since 1970
	there, active bool
}

// IN would make an array of 0 and the parameter for each row.
const (
	selectActiveKeys = `SELECT array_agg(key) FROM key_activity WHERE last >= $1 AND (vantage = 0 OR vantage = $2)`
	selectOwnedKeys  = `
SELECT array_agg(seq), array_agg(user_seq), array_agg(created_at) FROM api_keys WHERE environment = $1 AND user_seq IS NOT NULL`
)

func newPeople(w analytics.Window) *people {
	p := &people{growth: make([]analytics.Growth, len(w.Periods))}
	for _, start := range w.Periods {
		p.bounds = append(p.bounds, start.UnixMicro())
	}
	p.bounds = append(p.bounds, w.End.UnixMicro())
	return p
}

func (r *Reader) queuePeople(b *pgx.Batch, q analytics.PlatformQuestion, p *people) {
	b.Queue(selectActiveKeys, q.ActiveSince, r.counted).Query(func(rows pgx.Rows) error { return eachRow(rows, p.addActive) })
	b.Queue(selectOwnedKeys, q.Environment).Query(func(rows pgx.Rows) error { return eachRow(rows, p.addKeys) })
}

func (p *people) addActive(r *rowReader) error {
	for keys := r.array(); keys.more(); {
		*grown(&p.active, keys.int()) = true
	}
	return r.err
}

// addKeys comes after addActive.
func (p *people) addKeys(r *rowReader) error {
	keys, users, made := r.array(), r.array(), r.array()
	for keys.more() {
		key, u, at := keys.int(), grown(&p.users, users.int()), made.int()+postgresEpochMicros
		if !u.there || at < u.first {
			u.there, u.first = true, at
		}
		u.active = u.active || key < int64(len(p.active)) && p.active[key]
		if i := p.periodAt(at); i >= 0 {
			p.growth[i].NewKeys++
		}
	}
	return r.err
}

// grown is an element of a list that is made long enough for it.
func grown[T any](list *[]T, at int64) *T {
	if n := int(at) + 1 - len(*list); n > 0 {
		*list = append(*list, make([]T, n)...)
	}
	return &(*list)[at]
}

// answer counts users. One is new when it got its first key of the environment.
func (p *people) answer(to *analytics.Platform) {
	to.Growth = p.growth
	for i := range p.users {
		u := &p.users[i]
		if !u.there {
			continue
		}
		to.RegisteredUsers++
		if u.active {
			to.ActiveUsers++
		}
		if i := p.periodAt(u.first); i >= 0 {
			to.Growth[i].NewUsers++
		}
	}
}

// periodAt is the number of the period that a moment lies in, -1 outside the window.
func (p *people) periodAt(micros int64) int {
	after, found := slices.BinarySearch(p.bounds, micros)
	if found {
		after++
	}
	if after == len(p.bounds) {
		return -1
	}
	return after - 1
}
