package apikey

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// While keys are being guessed, few who present a key that was never seen wait for the store, and none of them is in the way of
// keys that were, or of reports about others' keys.
func TestGuessesDoNotKeepOthersWaiting(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{MaxStrangers: 2, MaxGuesses: 3}, func(t *testing.T, v *Verifier) {
		guess := func() string {
			key, err := Generate(Live, false)
			require.NoError(t, err)
			return key
		}
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		for range 3 {
			_, err := v.Verify(t.Context(), guess())
			require.ErrorIs(t, err, ErrUnknown)
		}
		require.Equal(t, 4, store.times())

		gate, waited := make(chan struct{}), make(chan error, maxQueue)
		store.set(func() { store.gate = gate })
		for range maxQueue {
			go func() {
				_, err := v.VerifyFresh(t.Context(), guess())
				waited <- err
			}()
		}
		synctest.Wait()
		require.Equal(t, 6, store.times(), "two at a time")
		_, err = v.VerifyFresh(t.Context(), guess())
		require.ErrorIs(t, err, ErrUnavailable, "the queue is full")

		store.changed(nil)
		others := make(chan error, 2)
		go func() {
			_, err := v.VerifyFresh(t.Context(), liveKey)
			others <- err
		}()
		go func() {
			_, err := v.ByFingerprint(t.Context(), FingerprintOf(guess()))
			others <- err
		}()
		synctest.Wait()
		require.Equal(t, 8, store.times(), "asked beside the strangers")
		close(gate)
		synctest.Wait()
		require.ElementsMatch(t, []error{nil, ErrUnknown}, []error{<-others, <-others})
		for range maxQueue {
			require.ErrorIs(t, <-waited, ErrUnknown)
		}
	})
}

// Strangers alone are no attack: when a collector has just started, everybody is one.
func TestManyStrangersWithoutGuesses(t *testing.T) {
	store := newMemoryStore()
	inBubble(t, store, Config{MaxStrangers: 1, MaxGuesses: 3}, func(t *testing.T, v *Verifier) {
		const customers = 10 * maxQueue
		results := make(chan error, customers)
		for range customers {
			key, err := Generate(Live, false)
			require.NoError(t, err)
			store.put(Identity{KeyID: "key_new", Fingerprint: FingerprintOf(key)})
			go func() {
				_, err := v.Verify(t.Context(), key)
				results <- err
			}()
		}
		for range customers {
			require.NoError(t, <-results)
		}
		for range 4 {
			_, _ = v.Verify(t.Context(), "dk_live_no key")
		}
		require.GreaterOrEqual(t, v.strangers.guesses.TokensAt(time.Now()), 3.0, "what is no key is no guess: it costs nothing")
	})
}
