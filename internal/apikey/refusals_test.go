package apikey

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefusalLogFoldsWhatIsAlike(t *testing.T) {
	t.Parallel()
	var l RefusalLog
	at := time.Date(2026, 3, 1, 12, 30, 15, 0, time.FixedZone("CET", 3600))
	for range 3 {
		l.Note(at, netip.MustParseAddr("203.0.113.7"), "", RefusedMalformed)
	}
	l.Note(at.Add(40*time.Second), netip.MustParseAddr("::ffff:203.0.113.200"), "", RefusedMalformed) // same minute, same /24
	l.Note(at.Add(45*time.Second), netip.MustParseAddr("203.0.113.7"), "", RefusedMalformed)          // next minute
	l.Note(at, netip.MustParseAddr("2001:db8:1:2::3%eth0"), liveFingerprint, RefusedUnknown)
	l.Note(at, netip.Addr{}, "", RefusedMissing)

	minute := time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC)
	require.ElementsMatch(t, []Refusal{
		{Minute: minute, Prefix: netip.MustParsePrefix("203.0.113.0/24"), Reason: RefusedMalformed, Count: 4},
		{Minute: minute.Add(time.Minute), Prefix: netip.MustParsePrefix("203.0.113.0/24"), Reason: RefusedMalformed, Count: 1},
		{Minute: minute, Prefix: netip.MustParsePrefix("2001:db8:1::/48"), Fingerprint: liveFingerprint, Reason: RefusedUnknown, Count: 1},
		{Minute: minute, Prefix: netip.MustParsePrefix("0.0.0.0/0"), Reason: RefusedMissing, Count: 1},
	}, l.Drain())
	require.Empty(t, l.Drain())
}

func TestRefusalLogIsBoundedAndCountsRight(t *testing.T) {
	t.Parallel()
	var l RefusalLog
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const calls = 50_000
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < calls; i += 4 {
				addr := netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1})
				l.Note(at.Add(time.Duration(i)*time.Second), addr, fmt.Sprint(i), RefusedUnknown)
			}
		})
	}
	wg.Wait()
	drained := l.Drain()
	require.LessOrEqual(t, len(drained), maxRefusals+1)
	var total int64
	for _, r := range drained {
		total += r.Count
	}
	require.EqualValues(t, calls, total)
}

// Calls with a registered key are told apart by the key and the whole address.
func TestRefusalLogKnowsKeys(t *testing.T) {
	t.Parallel()
	var l RefusalLog
	at := time.Date(2026, 3, 1, 12, 30, 15, 0, time.UTC)
	a, b := &Identity{KeyID: "key_a", Fingerprint: FingerprintOf(liveKey)}, &Identity{KeyID: "key_b", Fingerprint: FingerprintOf(testKey)}
	l.NoteKey(at, netip.MustParseAddr("203.0.113.7"), a, RefusedRateLimited)
	l.NoteKey(at, netip.MustParseAddr("::ffff:203.0.113.7"), a, RefusedRateLimited)
	l.NoteKey(at, netip.MustParseAddr("203.0.113.8"), a, RefusedRateLimited)
	l.NoteKey(at, netip.MustParseAddr("203.0.113.7"), a, RefusedAddress)
	l.NoteKey(at, netip.MustParseAddr("2001:db8::1"), b, RefusedRateLimited)
	l.NoteKey(at, netip.Addr{}, b, RefusedOverQuota)
	minute, fa, fb := at.Truncate(time.Minute), a.Fingerprint.String(), b.Fingerprint.String()
	require.ElementsMatch(t, []Refusal{
		{minute, "key_a", netip.MustParsePrefix("203.0.113.7/32"), fa, "rate_limited", 2},
		{minute, "key_a", netip.MustParsePrefix("203.0.113.8/32"), fa, "rate_limited", 1},
		{minute, "key_a", netip.MustParsePrefix("203.0.113.7/32"), fa, "address", 1},
		{minute, "key_b", netip.MustParsePrefix("2001:db8::1/128"), fb, "rate_limited", 1},
		{minute, "key_b", netip.MustParsePrefix("0.0.0.0/0"), fb, "over_quota", 1},
	}, l.Drain())
}

// Strangers cannot push out what is known of keys, nor one key with many addresses that of the others.
func TestRefusalLogKeepsKeysApart(t *testing.T) {
	t.Parallel()
	var l RefusalLog
	at := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	many := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	count := func(keyID string) (rows int, calls int64) {
		for _, r := range l.Drain() {
			if r.KeyID == keyID {
				rows, calls = rows+1, calls+r.Count
			}
		}
		return rows, calls
	}
	one, other := &Identity{KeyID: "key_1"}, &Identity{KeyID: "key_2"}
	for i := range 2 * maxRefusals {
		l.Note(at, many(i<<8), fmt.Sprint(i), RefusedUnknown)
	}
	l.NoteKey(at, many(1), one, RefusedRevoked)
	for _, r := range l.Drain() {
		if r.KeyID == "key_1" {
			require.Equal(t, "10.0.0.1/32", r.Prefix.String())
		}
	}
	for i := range 2 * maxKeyRefusals {
		l.NoteKey(at, many(i), one, RefusedRateLimited)
	}
	l.NoteKey(at, many(0), other, RefusedRateLimited)
	l.NoteKey(at, many(1), other, RefusedRateLimited)
	rows, calls := count("key_2")
	require.Equal(t, 1, rows, "its addresses are given up, the key is not")
	require.EqualValues(t, 2, calls)

	const keys = maxKeyRefusals + maxRefusedKeys + 100
	for i := range keys {
		l.NoteKey(at, many(i), &Identity{KeyID: fmt.Sprint("key_", i)}, RefusedRateLimited)
	}
	rows, calls = count("")
	require.Equal(t, 1, rows, "more keys than are told apart")
	require.EqualValues(t, 100, calls)
}

// What could not be stored is put back and comes again.
func TestRefusalLogTakesBack(t *testing.T) {
	t.Parallel()
	var l RefusalLog
	l.Note(time.Unix(0, 0), netip.MustParseAddr("203.0.113.7"), "", RefusedMissing)
	drained := l.Drain()
	l.Note(time.Unix(1, 0), netip.MustParseAddr("203.0.113.7"), "", RefusedMissing)
	for _, r := range drained {
		l.Add(r)
	}
	again := l.Drain()
	require.Len(t, again, 1)
	require.EqualValues(t, 2, again[0].Count)
}

func TestRefusalReason(t *testing.T) {
	t.Parallel()
	require.Equal(t, RefusedMalformed, RefusalReason(ErrMalformed))
	require.Equal(t, RefusedUnknown, RefusalReason(fmt.Errorf("wrapped: %w", ErrUnknown)))
	require.Equal(t, RefusedRevoked, RefusalReason(ErrRevoked))
	require.Equal(t, RefusedExpired, RefusalReason(ErrExpired))
	require.Equal(t, RefusedOther, RefusalReason(ErrUnavailable))
}
