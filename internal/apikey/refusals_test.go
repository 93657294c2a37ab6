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
	l.Note(at, netip.MustParseAddr("2001:db8:1:2::3%eth0"), liveFingerprint, RefusedRevoked)
	l.Note(at, netip.Addr{}, "", RefusedMissing)

	minute := time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC)
	require.ElementsMatch(t, []Refusal{
		{Minute: minute, Prefix: netip.MustParsePrefix("203.0.113.0/24"), Reason: RefusedMalformed, Count: 4},
		{Minute: minute.Add(time.Minute), Prefix: netip.MustParsePrefix("203.0.113.0/24"), Reason: RefusedMalformed, Count: 1},
		{Minute: minute, Prefix: netip.MustParsePrefix("2001:db8:1::/48"), Fingerprint: liveFingerprint, Reason: RefusedRevoked, Count: 1},
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
