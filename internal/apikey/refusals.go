package apikey

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Reasons of a [Refusal]. They are stored and shown; never change them.
const (
	RefusedMissing   = "missing"
	RefusedMalformed = "malformed"
	RefusedUnknown   = "unknown"
	RefusedRevoked   = "revoked"
	RefusedExpired   = "expired"
	RefusedScope     = "scope" // a good key that may not do this
	RefusedOther     = "other"

	RefusedRateLimited = "rate_limited" // the hour's limit is used up
	RefusedOverQuota   = "over_quota"   // the month's quota is used up
	RefusedAddress     = "address"      // from where the key may not be used
	RefusedEnvironment = "environment"  // a sandbox key for live data, or the other way round
)

// RefusalReason names an error of this package.
func RefusalReason(err error) string {
	switch {
	case errors.Is(err, ErrMalformed):
		return RefusedMalformed
	case errors.Is(err, ErrUnknown):
		return RefusedUnknown
	case errors.Is(err, ErrRevoked):
		return RefusedRevoked
	case errors.Is(err, ErrExpired):
		return RefusedExpired
	}
	return RefusedOther
}

// Refusal is a number of refused calls alike.
type Refusal struct {
	// Minute is when they came: UTC, whole minutes.
	Minute time.Time
	// Prefix is the /24 or /48 that they came from; 0.0.0.0/0 when that is not known or was not kept.
	Prefix netip.Prefix
	// Fingerprint is that of the key that was presented, in hex; empty when none was, when it was malformed, or
	// when it was not kept.
	Fingerprint string
	Reason      string
	Count       int64
}

// maxRefusals bounds the refusals told apart between two calls of Drain. Beyond it, prefix, fingerprint and minute
// are given up and the counts stay right: one more refusal for each reason.
const maxRefusals = 1024

// everywhere stands for an address that is not told apart.
var everywhere = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// RefusalLog counts refused calls in bounded memory. Its zero value is ready, and it may be used from many
// goroutines.
type RefusalLog struct {
	mu     sync.Mutex
	counts map[refusalKey]int64
	spill  time.Time // the minute of what exceeded maxRefusals
}

// refusalKey is a Refusal without its count.
type refusalKey struct {
	minute      int64 // Unix time
	prefix      netip.Prefix
	fingerprint string
	reason      string
}

// Note counts one refused call. fingerprint is empty when what was presented is no key.
func (l *RefusalLog) Note(at time.Time, from netip.Addr, fingerprint, reason string) {
	l.Add(Refusal{Minute: at, Prefix: prefixOf24Or48(from), Fingerprint: fingerprint, Reason: reason, Count: 1})
}

// NoteKey counts one refused call with a registered key.
func (l *RefusalLog) NoteKey(at time.Time, from netip.Addr, id *Identity, reason string) {
	l.Note(at, from, id.Fingerprint.String(), reason)
}

// Add counts several refused calls, such as those that a caller of Drain could not store.
func (l *RefusalLog) Add(r Refusal) {
	minute := r.Minute.UTC().Truncate(time.Minute)
	key := refusalKey{minute.Unix(), r.Prefix, r.Fingerprint, r.Reason}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = make(map[refusalKey]int64)
	}
	if _, ok := l.counts[key]; !ok && len(l.counts) >= maxRefusals {
		if l.spill.IsZero() {
			l.spill = minute
		}
		key = refusalKey{minute: l.spill.Unix(), prefix: everywhere, reason: r.Reason}
	}
	l.counts[key] += r.Count
}

// Drain returns what was counted since the last call, in no order, and starts anew.
func (l *RefusalLog) Drain() []Refusal {
	l.mu.Lock()
	counts := l.counts
	l.counts, l.spill = nil, time.Time{}
	l.mu.Unlock()

	refusals := make([]Refusal, 0, len(counts))
	for key, n := range counts {
		refusals = append(refusals, Refusal{
			Minute: time.Unix(key.minute, 0).UTC(), Prefix: key.prefix,
			Fingerprint: key.fingerprint, Reason: key.reason, Count: n,
		})
	}
	return refusals
}

func prefixOf24Or48(a netip.Addr) netip.Prefix {
	if !a.IsValid() {
		return everywhere
	}
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // fails only for more bits than there are
	return p
}
