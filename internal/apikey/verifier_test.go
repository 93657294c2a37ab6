package apikey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memoryStore is a store that can be changed, slowed down and switched off.
type memoryStore struct {
	mu      sync.Mutex
	keys    map[Fingerprint]Identity
	away    error
	gate    chan struct{} // when set, a look-up reads its answer, then waits here before it gives it
	changed func(Change)

	asked, questions int // keys, and questions about them
}

func newMemoryStore(ids ...Identity) *memoryStore {
	s := &memoryStore{keys: map[Fingerprint]Identity{}}
	for _, id := range ids {
		s.keys[id.Fingerprint] = id
	}
	return s
}

func (s *memoryStore) LookUp(ctx context.Context, fingerprints ...Fingerprint) (ids []*Identity, err error) {
	s.mu.Lock()
	s.asked += len(fingerprints)
	s.questions++
	for _, f := range fingerprints {
		var found *Identity
		if id, ok := s.keys[f]; ok {
			found = &id
		}
		ids = append(ids, found)
	}
	away, gate := s.away, s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return ids, away
}

func (s *memoryStore) Watch(ctx context.Context, changed func(Change)) error {
	s.mu.Lock()
	s.changed = changed
	s.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

func (s *memoryStore) put(id Identity) {
	s.mu.Lock()
	s.keys[id.Fingerprint] = id
	changed := s.changed
	s.mu.Unlock()
	if changed != nil {
		changed(Change{OneKey, id.Fingerprint})
	}
}

func (s *memoryStore) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *memoryStore) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func live() Identity {
	return Identity{KeyID: "key_live", Fingerprint: FingerprintOf(liveKey), UserID: "usr_1", Environment: Live}
}

func revoked(id Identity) Identity {
	id.RevokedAt = time.Now()
	return id
}

var errAway = errors.New("connection refused")

// inBubble runs a test on a clock of its own, with a verifier that listens for changes.
func inBubble(t *testing.T, store *memoryStore, config Config, test func(t *testing.T, v *Verifier)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier(store, config)
		go v.Run(t.Context())
		synctest.Wait()
		defer v.Close()
		test(t, v)
	})
}

func TestVerifyRemembers(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		for range 3 {
			id, err := v.Verify(t.Context(), liveKey)
			require.NoError(t, err)
			require.Equal(t, "key_live", id.KeyID)
		}
		require.Equal(t, 1, store.times())

		time.Sleep(31 * time.Second)
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		require.Equal(t, 2, store.times(), "asked again after RefreshAfter")
	})
}

func TestVerifyRefusesMalformedKeysWithoutAsking(t *testing.T) {
	store := newMemoryStore()
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		for _, raw := range []string{"", "dk_live_", liveKey[:45], liveKey[:45] + "v", "xx_live_" + liveKey[8:]} {
			_, err := v.Verify(t.Context(), raw)
			require.ErrorIs(t, err, ErrMalformed)
			_, err = v.VerifyFresh(t.Context(), raw)
			require.ErrorIs(t, err, ErrMalformed)
		}
		require.Zero(t, store.times())
	})
}

func TestVerifyRemembersUnknownKeysForShort(t *testing.T) {
	store := newMemoryStore()
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		for range 3 {
			_, err := v.Verify(t.Context(), liveKey)
			require.ErrorIs(t, err, ErrUnknown)
		}
		require.Equal(t, 1, store.times())
		time.Sleep(11 * time.Second)
		_, err := v.Verify(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrUnknown)
		require.Equal(t, 2, store.times())

		store.put(live()) // registered: heard of at once
		_, err = v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
	})
}

func TestVerifyHearsOfRevocation(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)

		store.put(revoked(live()))
		id, err := v.Verify(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrRevoked)
		require.Equal(t, "key_live", id.KeyID, "the identity comes with the refusal")

		id, err = v.ByFingerprint(t.Context(), FingerprintOf(liveKey))
		require.NoError(t, err, "calls made with a revoked key still have an owner")
		require.Equal(t, "usr_1", id.UserID)
	})
}

// A change that is announced while the store is being asked must not be hidden by the answer, which is older.
func TestVerifyNoticesChangeDuringLookUp(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		gate := make(chan struct{})
		store.set(func() { store.gate = gate })
		result := make(chan error)
		go func() {
			_, err := v.Verify(t.Context(), liveKey)
			result <- err
		}()
		synctest.Wait() // the look-up has read the key as it was
		store.set(func() { store.gate = nil })
		store.put(revoked(live()))
		close(gate)
		require.ErrorIs(t, <-result, ErrRevoked)
		require.Equal(t, 2, store.times())
	})
}

func TestVerifyAsksAgainAfterWhatMayHaveHiddenAChange(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		store.set(func() { store.keys[FingerprintOf(liveKey)] = revoked(live()) }) // nobody says so
		_, err = v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		store.changed(Change{Of: AnyKey})
		_, err = v.Verify(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrRevoked)
	})
}

func TestVerifyChecksExpiryAtUse(t *testing.T) {
	store := newMemoryStore()
	inBubble(t, store, Config{RefreshAfter: time.Hour, FreshFor: time.Hour}, func(t *testing.T, v *Verifier) {
		id := live()
		id.ExpiresAt = time.Now().Add(time.Minute)
		store.put(id)
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		time.Sleep(time.Minute - time.Nanosecond)
		_, err = v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		time.Sleep(time.Nanosecond)
		got, err := v.Verify(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrExpired)
		require.Equal(t, "key_live", got.KeyID)
		require.Equal(t, 1, store.times(), "answered from memory")
	})
}

func TestVerifyWhileStoreIsAway(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		store.set(func() { store.away = errAway })
		store.changed(Change{Of: AnyKey})

		id, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err, "ingest takes a key that is remembered, however old")
		require.Equal(t, "key_live", id.KeyID)
		_, err = v.VerifyFresh(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrUnavailable)
		_, err = v.Verify(t.Context(), testKey)
		require.ErrorIs(t, err, ErrUnavailable, "nothing is known of this one")
		_, err = v.ByFingerprint(t.Context(), FingerprintOf(testKey))
		require.ErrorIs(t, err, ErrUnavailable)
		require.Equal(t, 2, store.times(), "a store that failed is left alone for a while")

		time.Sleep(24 * time.Hour)
		_, err = v.Verify(t.Context(), liveKey)
		require.NoError(t, err)

		store.set(func() { store.away = nil })
		time.Sleep(time.Second)
		_, err = v.VerifyFresh(t.Context(), liveKey)
		require.NoError(t, err)
	})
}

func TestVerifyFreshBelievesFiveSeconds(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		_, err := v.VerifyFresh(t.Context(), liveKey)
		require.NoError(t, err)
		store.set(func() { store.keys[FingerprintOf(liveKey)] = revoked(live()) }) // and the change goes unheard
		time.Sleep(5*time.Second - time.Nanosecond)
		_, err = v.VerifyFresh(t.Context(), liveKey)
		require.NoError(t, err)
		require.Equal(t, 1, store.times())
		time.Sleep(time.Nanosecond)
		_, err = v.VerifyFresh(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrRevoked)
	})
}

func TestVerifyWaitsForASilentStoreOnlyOnce(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{LookUpTimeout: time.Second}, func(t *testing.T, v *Verifier) {
		store.set(func() { store.gate = make(chan struct{}) }) // never opens
		start := time.Now()
		_, err := v.Verify(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrUnavailable)
		require.Equal(t, time.Second, time.Since(start))
		_, err = v.Verify(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrUnavailable)
		require.Equal(t, time.Second, time.Since(start), "answered at once")
	})
}

func TestManyCallersAskOnce(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		gate := make(chan struct{})
		store.set(func() { store.gate = gate })
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				id, err := v.Verify(t.Context(), liveKey)
				if err != nil || id.KeyID != "key_live" {
					t.Errorf("got %v, %v", id, err)
				}
			})
		}
		impatient, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() {
			_, err := v.Verify(impatient, liveKey)
			gaveUp <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-gaveUp, ErrUnavailable)
		close(gate)
		wg.Wait()
		require.Equal(t, 1, store.times())
	})
}

func TestLookUpsAreBounded(t *testing.T) {
	store := newMemoryStore()
	inBubble(t, store, Config{MaxLookUps: 4}, func(t *testing.T, v *Verifier) {
		gate := make(chan struct{})
		store.set(func() { store.gate = gate })
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { _, _ = v.ByFingerprint(t.Context(), FingerprintOf(fmt.Sprint(i))) })
		}
		synctest.Wait()
		require.Equal(t, 4, store.times())
		close(gate)
		wg.Wait()
		require.Equal(t, 50, store.times())
	})
}

func TestByFingerprints(t *testing.T) {
	old := Identity{KeyID: "key_old", Fingerprint: FingerprintOf(testKey), RevokedAt: time.Unix(1, 0)}
	store := newMemoryStore(live(), old)
	inBubble(t, store, Config{}, func(t *testing.T, v *Verifier) {
		unknown := FingerprintOf("nobody")
		ids := map[Fingerprint]*Identity{FingerprintOf(liveKey): nil, FingerprintOf(testKey): nil, unknown: nil}
		for range 2 {
			require.NoError(t, v.ByFingerprints(t.Context(), ids))
			require.Equal(t, "key_live", ids[FingerprintOf(liveKey)].KeyID)
			require.Equal(t, "key_old", ids[FingerprintOf(testKey)].KeyID)
			require.Nil(t, ids[unknown])
			require.Equal(t, 3, store.times())
		}
		store.set(func() { store.away = errAway })
		require.NoError(t, v.ByFingerprints(t.Context(), ids), "all are remembered")
		ids[FingerprintOf("new")] = nil
		require.ErrorIs(t, v.ByFingerprints(t.Context(), ids), ErrUnavailable)
	})
}

// Invented keys cannot push out real ones.
func TestMemoryIsBounded(t *testing.T) {
	store := newMemoryStore(live())
	inBubble(t, store, Config{MaxKnown: 10, MaxUnknown: 10}, func(t *testing.T, v *Verifier) {
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		for i := range 1000 {
			_, err := v.ByFingerprint(t.Context(), FingerprintOf(fmt.Sprint(i)))
			require.ErrorIs(t, err, ErrUnknown)
		}
		v.unknown.CleanUp()
		require.LessOrEqual(t, v.unknown.EstimatedSize(), 10)
		asked := store.times()
		_, err = v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		require.Equal(t, asked, store.times())
	})
}

// Run goes on listening when the store ends a Watch, and counts everything as hidden from it meanwhile.
func TestRunWatchesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &failingWatch{memoryStore: newMemoryStore(live())}
		v := NewVerifier(store, Config{})
		go v.Run(t.Context())
		synctest.Wait()
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		store.set(func() { store.keys[FingerprintOf(liveKey)] = revoked(live()) })
		time.Sleep(time.Second)
		_, err = v.Verify(t.Context(), liveKey)
		require.ErrorIs(t, err, ErrRevoked)
		v.Close()
	})
}

type failingWatch struct{ *memoryStore }

func (failingWatch) Watch(context.Context, func(Change)) error { return errAway }

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore(live())
		v := NewVerifier(store, Config{})
		go v.Run(context.Background())
		_, err := v.Verify(t.Context(), liveKey)
		require.NoError(t, err)
		store.set(func() { store.gate = make(chan struct{}) })
		waiting := make(chan error)
		go func() {
			_, err := v.Verify(t.Context(), testKey)
			waiting <- err
		}()
		synctest.Wait()
		closed := make(chan struct{})
		go func() { v.Close(); close(closed) }()
		require.ErrorIs(t, <-waiting, ErrUnavailable)
		<-closed
		v.Close()
		v.Run(context.Background()) // returns

		_, err = v.Verify(t.Context(), liveKey)
		require.NoError(t, err, "what is remembered still answers")
		_, err = v.Verify(t.Context(), testKey)
		require.ErrorIs(t, err, ErrUnavailable)
	})
}

func TestVerifyAllocatesNothing(t *testing.T) {
	v := NewVerifier(newMemoryStore(live()), Config{})
	defer v.Close()
	_, err := v.Verify(t.Context(), liveKey)
	require.NoError(t, err)
	ctx := context.Background()
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = v.Verify(ctx, liveKey) }))
}
