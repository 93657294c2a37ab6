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
	RefusedOther     = "other"

	// With a registered key.
	RefusedRevoked     = "revoked"
	RefusedExpired     = "expired"
	RefusedScope       = "scope"        // it may not do this
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
	// KeyID is the registered key that was presented; empty when none was.
	KeyID string
	// Prefix is the address that they came from, for a registered key, else its /24 or /48; 0.0.0.0/0 when that is not
	// known or was not kept.
	Prefix netip.Prefix
	// Fingerprint is that of the key that was presented, in hex; empty when none was, when it was malformed, or
	// when it was not kept.
	Fingerprint string
	Reason      string
	Count       int64
}

// Bounds on the refusals told apart between two calls of Drain. Beyond them, minute, prefix and fingerprint are given up and the
// counts stay right. Registered keys have a part of their own, so that strangers cannot push them out: first their addresses
// are given up, and a key only when there are too many of those.
const (
	maxRefusals    = 1024
	maxKeyRefusals = 4096
	maxRefusedKeys = 4096 // beside maxKeyRefusals, without an address
)

// everywhere stands for an address that is not told apart.
var everywhere = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// RefusalLog counts refused calls in bounded memory. Its zero value is ready, and it may be used from many
// goroutines.
type RefusalLog struct {
	mu              sync.Mutex
	strangers, keys refusals
}

// refusals are counts by what they are about.
type refusals struct {
	counts map[refusalKey]int64
	spill  time.Time // the minute of what exceeds the bounds
}

// refusalKey is a Refusal without its count.
type refusalKey struct {
	minute      int64 // Unix time
	keyID       string
	prefix      netip.Prefix
	fingerprint string
	reason      string
}

// Note counts one refused call of a stranger. fingerprint is empty when what was presented is no key.
func (l *RefusalLog) Note(at time.Time, from netip.Addr, fingerprint, reason string) {
	l.Add(Refusal{Minute: at, Prefix: network(from, 24, 48), Fingerprint: fingerprint, Reason: reason, Count: 1})
}

// NoteKey counts one refused call with a registered key.
func (l *RefusalLog) NoteKey(at time.Time, from netip.Addr, id *Identity, reason string) {
	l.Add(Refusal{Minute: at, KeyID: id.KeyID, Prefix: network(from, 32, 128), Fingerprint: id.Fingerprint.String(), Reason: reason, Count: 1})
}

// Add counts several refused calls, such as those that a caller of Drain could not store.
func (l *RefusalLog) Add(r Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.KeyID == "" {
		l.strangers.add(r, maxRefusals, maxRefusals)
	} else {
		l.keys.add(r, maxKeyRefusals, maxKeyRefusals+maxRefusedKeys)
	}
}

// add tells up to most refusals apart, and up to mostKeys if their addresses are given up.
func (p *refusals) add(r Refusal, most, mostKeys int) {
	minute := r.Minute.UTC().Truncate(time.Minute)
	key := refusalKey{minute.Unix(), r.KeyID, r.Prefix, r.Fingerprint, r.Reason}
	if p.counts == nil {
		p.counts = make(map[refusalKey]int64)
	}
	if !p.hasRoom(key, most) {
		if p.spill.IsZero() {
			p.spill = minute
		}
		key.minute, key.prefix = p.spill.Unix(), everywhere
		if !p.hasRoom(key, mostKeys) {
			key.keyID, key.fingerprint = "", ""
		}
	}
	p.counts[key] += r.Count
}

func (p *refusals) hasRoom(key refusalKey, most int) bool {
	_, ok := p.counts[key]
	return ok || len(p.counts) < most
}

// Drain returns what was counted since the last call, in no order, and starts anew.
func (l *RefusalLog) Drain() []Refusal {
	l.mu.Lock()
	parts := [...]refusals{l.strangers, l.keys}
	l.strangers, l.keys = refusals{}, refusals{}
	l.mu.Unlock()

	list := make([]Refusal, 0, len(parts[0].counts)+len(parts[1].counts))
	for _, part := range parts {
		for key, n := range part.counts {
			list = append(list, Refusal{
				Minute: time.Unix(key.minute, 0).UTC(), KeyID: key.keyID, Prefix: key.prefix,
				Fingerprint: key.fingerprint, Reason: key.reason, Count: n,
			})
		}
	}
	return list
}

// network cuts an address to so many bits, of IPv4 and IPv6.
func network(a netip.Addr, bits4, bits6 int) netip.Prefix {
	if !a.IsValid() {
		return everywhere
	}
	a = a.Unmap().WithZone("")
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, _ := a.Prefix(bits) // fails only for more bits than there are
	return p
}
