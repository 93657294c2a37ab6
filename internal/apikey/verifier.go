package apikey

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

// Config bounds a [Verifier]. Zero values take the defaults.
type Config struct {
	// MaxKnown bounds the registered keys that are remembered, default 100,000 (about 50 MB). The least
	// used go first; a key that is not remembered costs a look-up, and is unavailable while the store is away.
	MaxKnown int
	// MaxUnknown bounds the fingerprints remembered as not registered, default 10,000. They are kept apart, so that
	// invented keys cannot push out real ones.
	MaxUnknown int
	// RefreshAfter is the age at which [Verifier.Verify] asks the store again, default 30 s. Changes are
	// heard of through Store.Watch long before; this bounds the harm of one that was missed.
	RefreshAfter time.Duration
	// FreshFor is the age up to which [Verifier.VerifyFresh] believes the cache, default 5 s.
	FreshFor time.Duration
	// UnknownFor is how long a key is remembered as not registered, default 10 s.
	UnknownFor time.Duration
	// LookUpTimeout bounds one question to the store, default 2 s.
	LookUpTimeout time.Duration
	// RetryAfter is how long the store is left alone after it failed to answer, default 500 ms.
	RetryAfter time.Duration
	// MaxLookUps bounds the questions to the store at one time, default 16. There is one more about strangers.
	MaxLookUps int
	// MaxGuesses is how many keys that nobody registered may come at once, and in each ten seconds, default 1,000. While
	// more do, at most 16 callers at a time wait whose keys the store has not named before, and others get ErrUnavailable at once.
	MaxGuesses int
}

func (c Config) withDefaults() Config {
	return Config{
		MaxKnown:      cmp.Or(c.MaxKnown, 100_000),
		MaxUnknown:    cmp.Or(c.MaxUnknown, 10_000),
		RefreshAfter:  cmp.Or(c.RefreshAfter, 30*time.Second),
		FreshFor:      cmp.Or(c.FreshFor, 5*time.Second),
		UnknownFor:    cmp.Or(c.UnknownFor, 10*time.Second),
		LookUpTimeout: cmp.Or(c.LookUpTimeout, 2*time.Second),
		RetryAfter:    cmp.Or(c.RetryAfter, 500*time.Millisecond),
		MaxLookUps:    cmp.Or(c.MaxLookUps, 16),
		MaxGuesses:    cmp.Or(c.MaxGuesses, 1000),
	}
}

// Verifier tells whose key a caller presents. It may be used from many goroutines.
type Verifier struct {
	config  Config
	store   Store
	started time.Time

	known, unknown *cache

	// epoch counts the moments after which everything cached has to be looked up again; changes counts those after
	// which some of it has.
	epoch, changes atomic.Uint64

	flights   singleflight.Group
	slots     chan struct{} // one for each look-up under way
	strangers *strangers
	running   sync.WaitGroup
	closed    context.Context
	close     context.CancelFunc
	mu        sync.Mutex // orders running.Add before running.Wait

	// failedAt is when the store failed to answer, in nanoseconds after started; 0 means that it answers.
	failedAt atomic.Int64
}

type cache = otter.Cache[Fingerprint, *entry]

// entry is what the store answered once.
type entry struct {
	id      *Identity     // nil when the key is not registered
	asked   time.Duration // after Verifier.started
	epoch   uint64
	changed atomic.Bool // the key has changed since
}

// NewVerifier makes a verifier with an empty cache. Run keeps it informed; Close ends it.
func NewVerifier(store Store, config Config) *Verifier {
	config = config.withDefaults()
	v := &Verifier{
		config:  config,
		store:   store,
		started: time.Now(),
		known:   newCache(config.MaxKnown),
		unknown: newCache(config.MaxUnknown),
		slots:   make(chan struct{}, config.MaxLookUps),

		strangers: newStrangers(&config),
	}
	v.closed, v.close = context.WithCancel(context.Background())
	return v
}

func newCache(size int) *cache {
	return otter.Must(&otter.Options[Fingerprint, *entry]{
		MaximumSize: size,
		Executor:    func(fn func()) { fn() }, // upkeep takes microseconds: no goroutine of its own
	})
}

// Verify is for ingest. It returns the identity behind a raw key, or one of the errors of this package; with
// ErrRevoked and ErrExpired the identity comes too. While the store cannot be asked, a key that is
// remembered is answered from memory however old: what it sends is stored only once the store is back.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Identity, error) {
	return v.verify(ctx, raw, v.config.RefreshAfter, true)
}

// VerifyFresh is for everything that reads or decides at once. It never answers from a memory older than
// Config.FreshFor, and returns ErrUnavailable instead.
func (v *Verifier) VerifyFresh(ctx context.Context, raw string) (*Identity, error) {
	return v.verify(ctx, raw, v.config.FreshFor, false)
}

// ByFingerprint returns the key with a fingerprint, whether or not it is revoked or expired, or ErrUnknown
// or ErrUnavailable. It is for reports about calls that others made, and remembers like [Verifier.Verify].
func (v *Verifier) ByFingerprint(ctx context.Context, f Fingerprint) (*Identity, error) {
	if id, ok := v.remembered(f, v.config.RefreshAfter); ok {
		return id, nil
	}
	return v.ask(ctx, &question{f: f}, v.config.RefreshAfter, true)
}

func (v *Verifier) verify(ctx context.Context, raw string, maxAge time.Duration, stale bool) (*Identity, error) {
	// Length and mark keep rubbish from being hashed. The checksum comes after the cache, for what is in there has
	// passed it.
	if len(raw) < minLength || len(raw) > maxLength || !strings.HasPrefix(raw, mark) {
		return nil, ErrMalformed
	}
	f := FingerprintOf(raw)
	id, ok := v.remembered(f, maxAge)
	if !ok {
		if _, err := Check(raw); err != nil {
			return nil, err
		}
		var err error
		if id, err = v.ask(ctx, &question{f, true}, maxAge, stale); err != nil {
			return nil, err
		}
	}
	return id, id.usable()
}

// remembered returns a registered key that may be used without asking. It takes no lock and allocates nothing.
func (v *Verifier) remembered(f Fingerprint, maxAge time.Duration) (*Identity, bool) {
	e, ok := v.known.GetIfPresent(f)
	if !ok || !v.fresh(e, maxAge) {
		return nil, false
	}
	return e.id, true
}

// unregistered reports whether the store said lately that nobody registered a key.
func (v *Verifier) unregistered(f Fingerprint, maxAge time.Duration) bool {
	e, ok := v.unknown.GetIfPresent(f)
	return ok && v.fresh(e, min(maxAge, v.config.UnknownFor))
}

func (v *Verifier) fresh(e *entry, maxAge time.Duration) bool {
	return !v.outdated(e) && v.now()-e.asked < maxAge
}

// outdated reports whether the key may have changed since the store was asked.
func (v *Verifier) outdated(e *entry) bool {
	return e.epoch != v.epoch.Load() || e.changed.Load()
}

// ask looks a key up, or waits for another caller's look-up of it.
func (v *Verifier) ask(ctx context.Context, q *question, maxAge time.Duration, stale bool) (*Identity, error) {
	if v.unregistered(q.f, maxAge) {
		return nil, ErrUnknown
	}
	if q.stranger {
		_, seen := v.known.GetIfPresent(q.f)
		q.stranger = !seen
	}
	id, err := v.lookUp(ctx, q)
	if err == nil || errors.Is(err, ErrUnknown) || !stale {
		return id, err
	}
	if e, ok := v.known.GetIfPresent(q.f); ok {
		return e.id, nil
	}
	return nil, err
}

// usable says whether the key may still be used.
func (id *Identity) usable() error {
	switch {
	case !id.RevokedAt.IsZero():
		return ErrRevoked
	case !id.ExpiresAt.IsZero() && !time.Now().Before(id.ExpiresAt):
		return ErrExpired
	}
	return nil
}
