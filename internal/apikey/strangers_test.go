package apikey

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func guess(t *testing.T) string {
	key, err := Generate(Live, false)
	require.NoError(t, err)
	return key
}

// attack makes more guesses, one after another, than MaxGuesses allows.
func attack(t *testing.T, v *Verifier) {
	for range v.config.MaxGuesses {
		_, err := v.Verify(t.Context(), guess(t))
		require.ErrorIs(t, err, ErrUnknown)
	}
}

// While keys are being guessed, few who present a key that was never seen wait for the store, and none of them is in the way of
// keys that were, or of reports about others' keys.
func TestGuessesDoNotKeepOthersWaiting(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{MaxGuesses: 3}, func(t *testing.T, v *Verifier) {
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		attack(t, v)
		require.Equal(t, 4, store.times())

		gate, waited := make(chan struct{}), make(chan error, maxQueue)
		store.set(func() { store.gate, store.questions = gate, 0 })
		for range maxQueue {
			go func() {
				_, err := v.VerifyFresh(t.Context(), guess(t))
				waited <- err
			}()
		}
		time.Sleep(guessPause)
		synctest.Wait()
		require.Equal(t, 1, store.questions, "asked about together")
		require.Equal(t, 4+maxQueue, store.times())
		_, err = v.VerifyFresh(t.Context(), guess(t))
		require.ErrorIs(t, err, ErrUnavailable, "the queue is full")

		store.changed(Change{Of: AnyKey})
		others := make(chan error, 2)
		go func() {
			_, err := v.VerifyFresh(t.Context(), liveKey)
			others <- err
		}()
		go func() {
			_, err := v.ByFingerprint(t.Context(), FingerprintOf(guess(t)))
			others <- err
		}()
		synctest.Wait()
		require.Equal(t, 3, store.questions, "asked beside the strangers")
		store.set(func() { store.gate = nil })
		close(gate)
		require.ElementsMatch(t, []error{nil, ErrUnknown}, []error{<-others, <-others})
		for range maxQueue {
			require.ErrorIs(t, <-waited, ErrUnknown)
		}
	})
}

// The store hears of guesses once in guessPause, however many come. Without guesses, nobody waits.
func TestGuessesAreAskedAboutNowAndThen(t *testing.T) {
	store := newMemoryStore()
	inBubble(t, store, Config{MaxGuesses: 3}, func(t *testing.T, v *Verifier) {
		began := time.Now()
		attack(t, v)
		require.Zero(t, time.Since(began))
		store.set(func() { store.questions = 0 })
		const rounds, guesses = 500, 5
		for range rounds * guesses {
			go func() { _, _ = v.Verify(t.Context(), guess(t)) }()
			time.Sleep(guessPause / guesses)
		}
		time.Sleep(guessPause)
		synctest.Wait()
		require.LessOrEqual(t, store.questions, rounds+1)
		require.Equal(t, 3+rounds*guesses, store.times(), "all of them are asked about")
	})
}

// Strangers alone are no attack: when a collector has just started, everybody is one.
func TestManyStrangersWithoutGuesses(t *testing.T) {
	store := newMemoryStore()
	inBubble(t, store, Config{MaxGuesses: 3}, func(t *testing.T, v *Verifier) {
		const customers = 10 * maxQueue
		results := make(chan error, customers)
		for range customers {
			key := guess(t)
			store.put(Identity{KeyID: "key_new", Fingerprint: FingerprintOf(key)})
			go func() {
				_, err := v.Verify(t.Context(), key)
				results <- err
			}()
		}
		for range customers {
			require.NoError(t, <-results)
		}
		require.LessOrEqual(t, store.questions, customers/2, "asked about in groups")
		for range 4 {
			_, _ = v.Verify(t.Context(), "dk_live_no key")
		}
		require.GreaterOrEqual(t, v.strangers.guesses.TokensAt(time.Now()), 3.0, "what is no key is no guess: it costs nothing")
	})
}

// A key that is registered after it was guessed is known at once, also if only the digest of it was told, and also while
// the question about the guess is under way. What is remembered of registered keys stays.
func TestGuessedKeyIsRegistered(t *testing.T) {
	registered := Identity{KeyID: "key_test", Fingerprint: FingerprintOf(testKey)}
	register := func(s *memoryStore) {
		s.set(func() { s.keys[registered.Fingerprint] = registered })
		s.changed(Change{Of: NewKey})
	}
	t.Run("after the answer", func(t *testing.T) {
		store := newMemoryStore(live())
		inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
			_, err := v.Verify(t.Context(), liveKey)
			require.NoError(t, err)
			_, err = v.Verify(t.Context(), testKey)
			require.ErrorIs(t, err, ErrUnknown)
			register(store)
			_, err = v.Verify(t.Context(), testKey)
			require.NoError(t, err)
			asked := store.times()
			_, err = v.Verify(t.Context(), liveKey)
			require.NoError(t, err)
			require.Equal(t, asked, store.times())
		})
	})
	t.Run("before it", func(t *testing.T) {
		store := newMemoryStore()
		inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
			gate, results := make(chan struct{}), make(chan error, 2)
			store.set(func() { store.gate = gate })
			ask := func() {
				_, err := v.Verify(t.Context(), testKey)
				results <- err
			}
			go ask()
			synctest.Wait()
			register(store)
			go ask()
			synctest.Wait()
			store.set(func() { store.gate = nil })
			close(gate)
			require.NoError(t, <-results)
			require.NoError(t, <-results)
		})
	})
}

// A store that fails is not asked about each group of those who wait.
func TestStrangersOfAStoreThatFails(t *testing.T) {
	store := newMemoryStore()
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		gate, results := make(chan struct{}), make(chan error, 3*maxGroup)
		store.set(func() { store.gate, store.away = gate, errAway })
		for range cap(results) {
			go func() {
				_, err := v.Verify(t.Context(), guess(t))
				results <- err
			}()
		}
		synctest.Wait()
		close(gate)
		for range cap(results) {
			require.ErrorIs(t, <-results, ErrUnavailable)
		}
		require.Equal(t, 1, store.questions)
	})
}
