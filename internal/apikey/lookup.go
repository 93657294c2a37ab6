package apikey

import (
	"context"
	"slices"
	"time"
)

// question is what the store is asked.
type question struct {
	f Fingerprint
	// stranger says that a caller presents the key, and that the store has not named it before. It may be a guess.
	stranger bool
}

// flight is the name under which callers wait together. A stranger may be turned away, with which nobody else is to share.
func (q *question) flight() string {
	if q.stranger {
		return "?" + string(q.f[:])
	}
	return string(q.f[:])
}

// lookUp asks the store about a key, together with all callers that wait for the same one. The question outlives
// a caller that gives up, for the others' sake.
func (v *Verifier) lookUp(ctx context.Context, q *question) (*Identity, error) {
	for try := 0; ; try++ {
		if v.resting() {
			return nil, ErrUnavailable
		}
		answer := v.flights.DoChan(q.flight(), func() (any, error) { return v.question(q) })
		select {
		case <-ctx.Done():
			return nil, ErrUnavailable
		case r := <-answer:
			if r.Err != nil {
				return nil, r.Err
			}
			e := r.Val.(*entry)
			// A question that others asked may be older than the call, and a change may have come between. The next one is not.
			if try == 0 && v.outdated(e) {
				continue
			}
			if e.id == nil {
				return nil, ErrUnknown
			}
			return e.id, nil
		}
	}
}

func (v *Verifier) question(q *question) (*entry, error) {
	if !q.stranger {
		entries, err := v.askAbout(v.closed, q.f)
		if err != nil {
			return nil, err
		}
		return entries[0], nil
	}
	if !v.enter() {
		return nil, ErrUnavailable
	}
	defer v.running.Done()
	ctx, cancel := context.WithTimeout(v.closed, v.config.LookUpTimeout)
	defer cancel()
	return v.meet(ctx, q.f)
}

// maxTogether bounds the keys of one question, so that it is not long.
const maxTogether = 256

// ByFingerprints is [Verifier.ByFingerprint] for many keys at once: it fills in the identities of ids, and leaves nil
// those of keys that are not registered. What is not remembered is asked for together. ErrUnavailable says that
// at least one could not be found out.
func (v *Verifier) ByFingerprints(ctx context.Context, ids map[Fingerprint]*Identity) error {
	var missing []Fingerprint
	for f := range ids {
		if id, ok := v.remembered(f, v.config.RefreshAfter); ok {
			ids[f] = id
		} else if !v.unregistered(f, v.config.RefreshAfter) {
			missing = append(missing, f)
		}
	}
	for group := range slices.Chunk(missing, maxTogether) {
		entries, err := v.askAbout(ctx, group...)
		for i, f := range group {
			switch e, known := v.known.GetIfPresent(f); {
			case err == nil:
				ids[f] = entries[i].id
			case known: // however old, as for Verify
				ids[f] = e.id
			default:
				return err
			}
		}
	}
	return nil
}

// askAbout asks the store once it is this question's turn, or gives up when ctx ends before.
func (v *Verifier) askAbout(ctx context.Context, fingerprints ...Fingerprint) ([]*entry, error) {
	if v.resting() || !v.enter() {
		return nil, ErrUnavailable
	}
	defer v.running.Done()
	ctx, cancel := context.WithTimeout(ctx, v.config.LookUpTimeout)
	defer cancel()
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		return nil, ErrUnavailable // busy, which says nothing about the store
	case <-v.closed.Done():
		return nil, ErrUnavailable
	}
	return v.answer(fingerprints)
}

// answer is what the store says now, unless it failed to answer just now.
func (v *Verifier) answer(fingerprints []Fingerprint) ([]*entry, error) {
	if v.resting() {
		return nil, ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(v.closed, v.config.LookUpTimeout)
	defer cancel()
	asked, epoch, changes := v.now(), v.epoch.Load(), v.changes.Load()
	ids, err := v.store.LookUp(ctx, fingerprints...)
	if err != nil {
		if v.closed.Err() == nil {
			v.failedAt.Store(int64(v.now()))
		}
		return nil, ErrUnavailable
	}
	v.failedAt.Store(0)
	entries := make([]*entry, len(fingerprints))
	for i, f := range fingerprints {
		entries[i] = &entry{id: ids[i], asked: asked, epoch: epoch}
		v.remember(f, entries[i], changes)
	}
	return entries, nil
}

// remember keeps an answer. changes is what v.changes was before the question.
func (v *Verifier) remember(f Fingerprint, e *entry, changes uint64) {
	with, without := v.known, v.unknown
	if e.id == nil {
		with, without = without, with
	}
	with.Set(f, e)
	without.Invalidate(f)
	// An entry is put in the cache before this check, and forget counts before it looks there: whichever comes
	// second sees the other.
	if v.changes.Load() != changes {
		e.changed.Store(true)
	}
}

// Close stops Run and what is being looked up, and waits for both. It may be called again.
func (v *Verifier) Close() {
	v.mu.Lock()
	v.close()
	v.mu.Unlock()
	v.running.Wait()
}

// enter joins the group that Close waits for, unless the verifier is closed.
func (v *Verifier) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed.Err() != nil {
		return false
	}
	v.running.Add(1)
	return true
}

// now is the time since the verifier was made, never 0.
func (v *Verifier) now() time.Duration { return time.Since(v.started) + 1 }

// resting reports whether the store failed a moment ago. Callers are then answered at once, instead of each waiting
// for a time-out.
func (v *Verifier) resting() bool {
	at := v.failedAt.Load()
	return at != 0 && v.now()-time.Duration(at) < v.config.RetryAfter
}
