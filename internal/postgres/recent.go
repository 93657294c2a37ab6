package postgres

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"
)

// recent remembers roughly which events came again in other batches than before. A sender that repeats one with each of its
// batches would otherwise have all of them looked up. It only says where it is worth to look: what it forgets costs time, and
// what it mistakes is looked up.
type recent struct {
	seed  maphash.Seed
	marks [recentSets][recentWays]atomic.Uint64
	next  [recentSets]atomic.Uint32 // the way to write next: the oldest is given up first
	some  atomic.Bool               // false until the first mark
}

// 2^16 marks take half a MiB, which stays in the processor's cache: all events are looked up here.
const (
	recentSets = 1 << 14
	recentWays = 4
)

func newRecent() *recent { return &recent{seed: maphash.MakeSeed()} }

// mark of an event; never 0, which is an empty place.
func (c *recent) mark(r *record) uint64 {
	var id [28]byte
	binary.LittleEndian.PutUint32(id[:], uint32(r.key))
	binary.LittleEndian.PutUint64(id[4:], uint64(r.micros))
	copy(id[12:], r.event.ID[:])
	return maphash.Bytes(c.seed, id[:]) | 1
}

func (c *recent) has(r *record) bool {
	if !c.some.Load() {
		return false
	}
	mark := c.mark(r)
	return c.holds(mark>>32%recentSets, mark)
}

// add remembers events that are committed.
func (c *recent) add(records []*record) {
	if len(records) > 0 {
		c.some.Store(true)
	}
	for _, r := range records {
		mark := c.mark(r)
		i := mark >> 32 % recentSets
		if !c.holds(i, mark) {
			c.marks[i][(c.next[i].Add(1)-1)%recentWays].Store(mark)
		}
	}
}

func (c *recent) holds(set, mark uint64) bool {
	for way := range c.marks[set] {
		if c.marks[set][way].Load() == mark {
			return true
		}
	}
	return false
}
