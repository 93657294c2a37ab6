package postgres

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// people are the users of an environment by their keys. To count them here takes a third of the time of the statements
// with windows and distinct counts that would say the same.
type people struct {
	keys   []ownedKey
	active map[int32]struct{} // keys
}

type ownedKey struct {
	key, user int32
	made      int64 // microseconds since 1970
}

const (
	selectOwnedKeys  = `SELECT seq, user_seq, created_at FROM api_keys WHERE environment = $1 AND user_seq IS NOT NULL`
	selectActiveKeys = `SELECT key FROM key_activity WHERE last >= $1 AND vantage IN (0, $2)`
)

func (r *Reader) queuePeople(b *pgx.Batch, q analytics.PlatformQuestion, p *people) {
	b.Queue(selectOwnedKeys, q.Environment).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			c := rows.RawValues()
			if len(c) != 3 || len(c[0]) != 4 || len(c[1]) != 4 || len(c[2]) != 8 {
				rows.Close()
				return errNotBinary
			}
			p.keys = append(p.keys, ownedKey{
				key: int32(binary.BigEndian.Uint32(c[0])), user: int32(binary.BigEndian.Uint32(c[1])),
				made: int64(binary.BigEndian.Uint64(c[2])) + postgresEpochMicros,
			})
		}
		return rows.Err()
	})
	b.Queue(selectActiveKeys, q.ActiveSince, r.counted).Query(func(rows pgx.Rows) error {
		p.active = map[int32]struct{}{}
		for rows.Next() {
			c := rows.RawValues()
			if len(c) != 1 || len(c[0]) != 4 {
				rows.Close()
				return errNotBinary
			}
			p.active[int32(binary.BigEndian.Uint32(c[0]))] = struct{}{}
		}
		return rows.Err()
	})
}

// answer counts users and keys. A user is new when it got its first key of the environment.
func (p *people) answer(w analytics.Window, to *analytics.Platform) {
	type user struct {
		first  int64
		active bool
	}
	users := make(map[int32]user, len(p.keys))
	for _, k := range p.keys {
		u, known := users[k.user]
		if !known || k.made < u.first {
			u.first = k.made
		}
		_, active := p.active[k.key]
		u.active = u.active || active
		users[k.user] = u
		if i := periodAt(w, k.made); i >= 0 {
			to.Growth[i].NewKeys++
		}
	}
	to.RegisteredUsers = int64(len(users))
	for _, u := range users {
		if u.active {
			to.ActiveUsers++
		}
		if i := periodAt(w, u.first); i >= 0 {
			to.Growth[i].NewUsers++
		}
	}
}

// periodAt is the number of the period that a moment lies in, -1 outside the window.
func periodAt(w analytics.Window, micros int64) int {
	t := time.UnixMicro(micros)
	if t.Before(w.Start) || !t.Before(w.End) {
		return -1
	}
	i, found := slices.BinarySearchFunc(w.Periods, t, time.Time.Compare)
	if found {
		return i
	}
	return i - 1
}
