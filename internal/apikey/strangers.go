package apikey

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// guessesIn is the time to Config.MaxGuesses.
	guessesIn = 10 * time.Second
	// maxQueue is how many strangers, those whom the store is being asked about included, are borne while keys are being
	// guessed. A quarter of the requests that the API answers at one time by default.
	maxQueue = 16
	// maxGroup is how many strangers the store is asked about at once: a collector that starts has met nobody yet.
	maxGroup = 64
	// guessPause is the time between two questions while keys are being guessed. It bounds what guesses cost the store, however
	// many come, and what a new customer waits longer.
	guessPause = 2 * time.Millisecond
)

// strangers are callers with well-formed keys that the store has not named before: new customers, all customers when the
// collector has just started, and who guesses keys. The store is asked about those who wait together, one question at a time,
// so that keys that have been seen never wait behind them. While guesses come, a queue of them would hold what callers
// share besides, such as the places of requests being answered: then it is kept short, at the cost of a new customer's
// first call, who is told to try again.
type strangers struct {
	queued  atomic.Int64 // waiting, or being asked about
	guesses *rate.Limiter

	mu      sync.Mutex
	waiting []*stranger
	asking  bool
}

// stranger is one of them, and what comes of it.
type stranger struct {
	f      Fingerprint
	entry  *entry
	err    error
	answer chan struct{} // closed when entry or err is set
}

func newStrangers(c *Config) *strangers {
	perSecond := rate.Limit(float64(c.MaxGuesses) / guessesIn.Seconds())
	return &strangers{guesses: rate.NewLimiter(perSecond, c.MaxGuesses)}
}

// guessing reports whether more keys came lately that nobody registered than customers mistype.
func (s *strangers) guessing() bool { return s.guesses.Tokens() < 1 }

// meet waits for the store's answer about a stranger.
func (v *Verifier) meet(ctx context.Context, f Fingerprint) (*entry, error) {
	s := v.strangers
	defer s.queued.Add(-1)
	if s.queued.Add(1) > maxQueue && s.guessing() {
		return nil, ErrUnavailable
	}
	one := &stranger{f: f, answer: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, one)
	if !s.asking {
		s.asking = true
		v.running.Go(v.askAboutStrangers)
	}
	s.mu.Unlock()
	select {
	case <-one.answer:
		return one.entry, one.err
	case <-ctx.Done():
		return nil, ErrUnavailable // busy, which says nothing about the store
	}
}

// askAboutStrangers ends when nobody waits.
func (v *Verifier) askAboutStrangers() {
	for {
		if v.strangers.guessing() {
			v.pause(guessPause)
		}
		group := v.strangers.next()
		if group == nil {
			return
		}
		fingerprints := make([]Fingerprint, len(group))
		for i, one := range group {
			fingerprints[i] = one.f
		}
		entries, err := v.answer(fingerprints)
		for i, one := range group {
			if one.err = err; err == nil {
				one.entry = entries[i]
				if one.entry.id == nil {
					v.strangers.guesses.Allow()
				}
			}
			close(one.answer)
		}
	}
}

// next are those to ask about now. Without any, nobody is asking from then on.
func (s *strangers) next() []*stranger {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.waiting, s.asking = nil, false
		return nil
	}
	n := min(len(s.waiting), maxGroup)
	group := s.waiting[:n:n]
	s.waiting = s.waiting[n:]
	return group
}

// pause ends early when the verifier is closed.
func (v *Verifier) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-v.closed.Done():
	case <-timer.C:
	}
}
