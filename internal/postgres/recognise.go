package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// part is the events of one batch of a delivery.
type part struct {
	records []record
	digest  digest
}

// digest stands for what makes the events of a batch the same as others. The zero digest is no batch's.
type digest [sha256.Size]byte

// longestIdentity is more than the time, id and key of an event take in a digest.
const longestIdentity = 128

// digestOf is the zero digest for a batch that cannot be recognised: one without events, or with one whose time is only that
// of its receipt.
func digestOf(events []usage.Event) digest {
	h := sha256.New()
	buf := make([]byte, 0, 4<<10) // in one piece: to hash small ones takes half as long again
	for i := range events {
		e := &events[i]
		if e.Undated {
			return digest{}
		}
		if cap(buf)-len(buf) < longestIdentity {
			h.Write(buf)
			buf = buf[:0]
		}
		buf = binary.BigEndian.AppendUint64(buf, uint64(e.Time.UnixMicro()))
		buf = append(buf, e.ID[:]...)
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(e.KeyID)))
		buf = append(buf, e.KeyID...)
	}
	h.Write(buf)
	var d digest
	if len(events) > 0 {
		h.Sum(d[:0])
	}
	return d
}

// committed remembers the batches of which this process has committed all events, each in one transaction. What it forgets
// costs time only.
type committed struct {
	mu           sync.Mutex
	young, older map[digest]struct{}
}

// maxYoung batches make a generation; two are remembered, in about a megabyte. A sender that repeats does so within seconds,
// in which some hundred batches are committed, or some thousand of an event each.
const maxYoung = 8192

func newCommitted() *committed { return &committed{young: map[digest]struct{}{}} }

func (c *committed) add(digests []digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range digests {
		if len(c.young) == maxYoung {
			c.young, c.older = map[digest]struct{}{}, c.young
		}
		c.young[d] = struct{}{}
	}
}

func (c *committed) has(d digest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, young := c.young[d]
	_, older := c.older[d]
	return young || older
}

// recognise tells the parts apart whose events are stored, for certain, from those that have to be looked at. A batch that was
// committed in one transaction is there as a whole or not at all, so one event is looked up of each: a server that has lost
// what it had committed, as a standby that takes over may have, gets it again.
func (w *Writer) recognise(ctx context.Context, parts []part) (again, unknown []part, err error) {
	var witnesses []*record
	for _, p := range parts {
		if w.committed.has(p.digest) {
			witnesses = append(witnesses, &p.records[0])
		}
	}
	_, found, err := dropStored(ctx, w.db.ingest, witnesses, always)
	if err != nil || len(found) == 0 {
		return nil, parts, err
	}
	stored := make(map[*record]bool, len(found))
	for _, r := range found {
		stored[r] = true
	}
	for _, p := range parts {
		if len(p.records) > 0 && stored[&p.records[0]] {
			again = append(again, p)
		} else {
			unknown = append(unknown, p)
		}
	}
	return again, unknown, nil
}

// remember takes note of the parts of which a committed transaction has stored all events.
func (w *Writer) remember(parts []part, stored []*record) {
	for _, r := range stored {
		r.committed = true
	}
	var digests []digest
	for _, p := range parts {
		if p.digest != (digest{}) && p.allCommitted() {
			digests = append(digests, p.digest)
		}
	}
	w.committed.add(digests)
}

func (p *part) allCommitted() bool {
	for i := range p.records {
		if !p.records[i].committed {
			return false
		}
	}
	return true
}
