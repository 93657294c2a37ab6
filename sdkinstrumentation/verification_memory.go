package sdkinstrumentation

import (
	"container/list"
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// maxCalls is how many calls one question may be about.
	maxCalls = 10_000
	// restAfterFailure keeps calls from waiting for a Mirrorball that is away.
	restAfterFailure = time.Second
	// maxScanned bounds the search for an entry that may be forgotten.
	maxScanned = 16
)

// holder is a key, by its hash, and the address that it comes from: a key may be good at some addresses only.
type holder struct {
	key     [sha256.Size]byte
	address string
}

// memory is what is remembered of keys, those used last first. It holds no raw key.
type memory struct {
	mu        sync.Mutex
	most      int
	entries   map[holder]*entry
	order     list.List // of *entry
	restUntil time.Time
}

// entry is what is remembered of one holder.
type entry struct {
	holder holder
	place  *list.Element
	answer *answer   // the last one; nil: none yet
	at     time.Time // of the answer
	// uncounted are the calls that were let through and that Mirrorball has not been told of.
	uncounted int64
	asking    chan struct{} // closed when the question under way is over; nil: none is
}

// of finds or makes an entry. The lock is held.
func (m *memory) of(h holder) *entry {
	if e, ok := m.entries[h]; ok {
		m.order.MoveToFront(e.place)
		return e
	}
	if len(m.entries) >= m.most {
		m.forget()
	}
	e := &entry{holder: h}
	e.place = m.order.PushFront(e)
	m.entries[h] = e
	return e
}

// forget takes the entry away that was used longest ago, of those that owe no count if there is one near.
func (m *memory) forget() {
	place := m.order.Back()
	for scanned := 0; place != nil && scanned < maxScanned; scanned++ {
		if place.Value.(*entry).uncounted == 0 {
			break
		}
		place = place.Prev()
	}
	if place == nil {
		place = m.order.Back()
	}
	e := m.order.Remove(place).(*entry)
	delete(m.entries, e.holder)
}

// verify answers from memory, or asks. Of many calls with one key, one asks and the others wait for its answer.
func (v *verification) verify(ctx context.Context, key, address string) *answer {
	m := &v.memory
	h := holder{sha256.Sum256([]byte(key)), address}
	for {
		m.mu.Lock()
		e, now := m.of(h), time.Now()
		if a := e.remembered(now, v.remember); a != nil {
			m.mu.Unlock()
			return a
		}
		if now.Before(m.restUntil) {
			a := v.withoutAsking(e, now)
			m.mu.Unlock()
			return a
		}
		if e.asking == nil {
			return v.askFor(ctx, e, key) // unlocks
		}
		asking := e.asking
		m.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done(): // nobody waits for this answer
			return &answer{code: codeAway}
		}
	}
}

// remembered is an answer that is still good; a call that it lets through is counted.
func (e *entry) remembered(now time.Time, period time.Duration) *answer {
	switch {
	case e.answer == nil || now.Sub(e.at) >= period:
		return nil
	case !e.answer.good:
		return e.answer
	case e.uncounted >= min(e.answer.left, maxCalls-1):
		return nil
	}
	e.uncounted++
	return e.answer
}

// withoutAsking decides while Mirrorball is away.
func (v *verification) withoutAsking(e *entry, now time.Time) *answer {
	last := e.answer
	if last == nil {
		last = &answer{}
	}
	lets := false
	switch v.away {
	case AwayLetThrough:
		lets = last.good || last.code == "" || last.overLimit()
	case AwayKnownOnly:
		lets = last.good && now.Sub(e.at) < v.knownFor
	}
	switch {
	case lets:
		e.uncounted = min(e.uncounted+1, maxCalls-1)
		return &answer{good: true, verified: last.verified}
	case last.code != "" && !last.good && !last.overLimit():
		return last
	}
	return &answer{code: codeAway}
}

// askFor asks Mirrorball about one call, and those that were let through since the last question. The lock is held, and given up.
func (v *verification) askFor(ctx context.Context, e *entry, key string) *answer {
	m := &v.memory
	owed, asking := e.uncounted, make(chan struct{})
	e.asking = asking
	m.mu.Unlock()

	// The caller may hang up; others wait for the answer, too.
	ctx = context.WithoutCancel(ctx)
	a, err := v.question.ask(ctx, key, e.holder.address, owed+1)
	told := err == nil && a.good
	if err == nil && a.overLimit() && owed > 0 {
		// Too many together. Those that have been let through are counted all the same, if they fit.
		_, err := v.question.ask(ctx, key, e.holder.address, owed)
		told = err == nil
	}

	m.mu.Lock()
	now := time.Now()
	e.asking = nil
	if told {
		e.uncounted -= owed
	}
	tell := false
	if err != nil {
		tell = now.After(m.restUntil)
		m.restUntil = now.Add(restAfterFailure)
		a = v.withoutAsking(e, now)
	} else {
		e.answer, e.at = a, now
	}
	m.mu.Unlock()
	close(asking)
	if tell {
		v.report(err)
	}
	return a
}

func (v *verification) report(err error) {
	defer func() { _ = recover() }()
	if v.tell != nil {
		v.tell(err)
	}
}
