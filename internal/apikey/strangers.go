package apikey

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// guessesIn is the time to Config.MaxGuesses.
	guessesIn = 10 * time.Second
	// maxQueue is how many strangers, those whom the store is asked about included, are borne while keys are being guessed.
	// An eighth of the requests that the API answers at one time by default.
	maxQueue = 8
)

// strangers are callers with well-formed keys that the store has not named before: new customers, all customers when the
// collector has just started, and who guesses keys. They have slots of their own, so that keys that have been seen never wait behind
// them. While guesses come, a queue of them would hold what callers share besides, such as the places of requests being
// answered: then it is kept short, at the cost of a new customer's first call, who is told to try again.
type strangers struct {
	slots   chan struct{} // one for each look-up under way
	queued  atomic.Int64  // waiting for a slot, or in one
	guesses *rate.Limiter
}

func newStrangers(c *Config) strangers {
	perSecond := rate.Limit(float64(c.MaxGuesses) / guessesIn.Seconds())
	return strangers{slots: make(chan struct{}, c.MaxStrangers), guesses: rate.NewLimiter(perSecond, c.MaxGuesses)}
}

// queue joins those who wait, and leave has to follow; unless it reports false.
func (s *strangers) queue() bool {
	if s.queued.Add(1) > maxQueue && s.guesses.Tokens() < 1 {
		s.leave()
		return false
	}
	return true
}

func (s *strangers) leave() { s.queued.Add(-1) }

// guessed counts a key that nobody registered.
func (s *strangers) guessed() { s.guesses.Allow() }
