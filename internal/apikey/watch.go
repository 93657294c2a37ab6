package apikey

import (
	"context"
	"time"
)

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
		v.forget(Change{Of: AnyKey})
		_ = v.store.Watch(ctx, v.forget) // whatever ended it, the remedy is the same
		select {
		case <-ctx.Done():
		case <-time.After(v.config.RetryAfter):
		}
	}
}

// forget makes keys be looked up again. What was known of them stays, for as long as the store cannot be asked.
func (v *Verifier) forget(c Change) {
	if c.Of == AnyKey {
		v.epoch.Add(1)
		return
	}
	v.changes.Add(1)
	if c.Of == NewKey {
		v.unknown.InvalidateAll()
		return
	}
	for _, cache := range []*cache{v.known, v.unknown} {
		if e, ok := cache.GetIfPresent(c.Key); ok {
			e.changed.Store(true)
		}
	}
}
