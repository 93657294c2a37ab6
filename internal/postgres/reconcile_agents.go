package postgres

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// maxAgents bounds the memory of the agents that are held at a time, at about 20 bytes each.
const maxAgents = 16 << 20

// agentSet tells the first sight of an agent in a period from later ones: unlike figures, being active does not add up. It
// may be used by many goroutines. Where there are too many agents for it, it is asked about a part of them at a time.
type agentSet struct {
	seed        maphash.Seed
	part, parts uint64
	limit       int64
	n           atomic.Int64
	shards      [64]struct {
		sync.Mutex
		seen map[uint64]struct{}
	}
}

func newAgentSet(seed maphash.Seed, part, parts, limit int) *agentSet {
	s := &agentSet{seed: seed, part: uint64(part), parts: uint64(parts), limit: int64(limit)}
	for i := range s.shards {
		s.shards[i].seen = map[uint64]struct{}{}
	}
	return s
}

// full reports whether there were more agents than fit, so that the set tells nothing.
func (s *agentSet) full() bool { return s.n.Load() > s.limit }

// add reports whether this is the first sight, and the random number that belongs to it.
func (s *agentSet) add(p period, agent int64) (residue, bool) {
	h := maphash.Comparable(s.seed, struct {
		bucket, agent int64
		key           int32
		grain         grain
		vantage       int16
	}{p.bucket, agent, p.key, p.grain, int16(p.vantage)})
	if h%s.parts != s.part || s.full() {
		return 0, false
	}
	shard := &s.shards[h>>58]
	shard.Lock()
	defer shard.Unlock()
	if _, seen := shard.seen[h]; seen {
		return 0, false
	}
	shard.seen[h] = struct{}{}
	s.n.Add(1)
	return residue(h & fieldPrime), true
}
