package apikey

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
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
	for {
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
			if v.outdated(e) { // the key changed while the question was under way
				continue
			}
			if e.id == nil {
				return nil, ErrUnknown
			}
			return e.id, nil
		}
	}
}

// ByFingerprints is [Verifier.ByFingerprint] for many keys at once: it fills in the identities of ids, and leaves nil
// those of keys that are not registered. What is not remembered is asked for side by side. ErrUnavailable says that
// at least one could not be found out.
func (v *Verifier) ByFingerprints(ctx context.Context, ids map[Fingerprint]*Identity) error {
	var missing []Fingerprint
	for f := range ids {
		if id, ok := v.remembered(f, v.config.RefreshAfter); ok {
			ids[f] = id
		} else {
			missing = append(missing, f)
		}
	}
	answers := make([]*Identity, len(missing))
	var group errgroup.Group
	group.SetLimit(v.config.MaxLookUps)
	for i, f := range missing {
		group.Go(func() error {
			id, err := v.ByFingerprint(ctx, f)
			if err != nil && !errors.Is(err, ErrUnknown) {
				return err
			}
			answers[i] = id
			return nil
		})
	}
	err := group.Wait()
	for i, f := range missing {
		ids[f] = answers[i]
	}
	return err
}

// question asks the store once and remembers the answer.
func (v *Verifier) question(q *question) (*entry, error) {
	if !v.enter() {
		return nil, ErrUnavailable
	}
	defer v.running.Done()
	ctx, cancel := context.WithTimeout(v.closed, v.config.LookUpTimeout)
	defer cancel()

	slots := v.slots
	if q.stranger {
		if !v.strangers.queue() {
			return nil, ErrUnavailable
		}
		defer v.strangers.leave()
		slots = v.strangers.slots
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil, ErrUnavailable // busy, which says nothing about the store
	}
	return v.answer(ctx, q)
}

// answer is what the store says now.
func (v *Verifier) answer(ctx context.Context, q *question) (*entry, error) {
	f := q.f
	e := &entry{epoch: v.epoch.Load(), asked: v.now()}
	changes := v.changes.Load()
	id, err := v.store.LookUp(ctx, f)
	switch {
	case err == nil && id != nil:
		e.id = id
		v.known.Set(f, e)
		v.unknown.Invalidate(f)
	case errors.Is(err, ErrUnknown):
		v.unknown.Set(f, e)
		v.known.Invalidate(f)
		if q.stranger {
			v.strangers.guessed()
		}
	default:
		if v.closed.Err() == nil {
			v.failedAt.Store(int64(v.now()))
		}
		return nil, ErrUnavailable
	}
	v.failedAt.Store(0)
	// An entry is put in the cache before this check, and forget counts before it looks there: whichever comes
	// second sees the other.
	if v.changes.Load() != changes {
		e.changed.Store(true)
	}
	return e, nil
}

// Run listens for changes until ctx ends or the verifier is closed. Without it changes are noticed only after
// Config.RefreshAfter.
func (v *Verifier) Run(ctx context.Context) {
	if !v.enter() {
		return
	}
	defer v.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.closed, cancel)()

	for ctx.Err() == nil {
		v.forget(nil)
		_ = v.store.Watch(ctx, v.forget) // whatever ended it, the remedy is the same
		select {
		case <-ctx.Done():
		case <-time.After(v.config.RetryAfter):
		}
	}
}

// forget makes one key, or with nil every key, be looked up again. What was known of them stays, for as long as the
// store cannot be asked.
func (v *Verifier) forget(f *Fingerprint) {
	if f == nil {
		v.epoch.Add(1)
		return
	}
	v.changes.Add(1)
	for _, cache := range []*cache{v.known, v.unknown} {
		if e, ok := cache.GetIfPresent(*f); ok {
			e.changed.Store(true)
		}
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
