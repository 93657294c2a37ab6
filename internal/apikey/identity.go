package apikey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"time"
)

// Fingerprint is the SHA-256 of a raw key.
type Fingerprint [sha256.Size]byte

// FingerprintOf hashes a raw key.
func FingerprintOf(raw string) Fingerprint {
	var buf [maxLength]byte // keeps the copy of a key on the stack; anything longer is no key
	return sha256.Sum256(append(buf[:0], raw...))
}

// String is the fingerprint in lower-case hex, the form that telemetry carries.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ParseFingerprint reads 64 hex digits.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	if len(s) != hex.EncodedLen(len(f)) {
		return f, errors.New("fingerprint is not 64 hex digits")
	}
	if _, err := hex.Decode(f[:], []byte(s)); err != nil {
		return f, errors.New("fingerprint is not 64 hex digits")
	}
	return f, nil
}

// Scopes that a key may hold.
const (
	// ScopeTelemetryWrite lets a key report its own usage. Every customer's key has it.
	ScopeTelemetryWrite = "telemetry:write"
	// ScopeTelemetryWriteAny lets the platform's servers report calls made with any key, by fingerprint.
	ScopeTelemetryWriteAny = "telemetry:write_any"
	// ScopeUsageRead lets a key read its owner's usage.
	ScopeUsageRead = "usage:read"
	// ScopeAccountWrite lets a key manage its owner's keys, and those of the organisation if its owner is the
	// organisation's admin.
	ScopeAccountWrite = "account:write"
	// ScopeKeysVerify lets an API gateway ask whether a key is good.
	ScopeKeysVerify = "keys:verify"
	// ScopeAnalyticsRead lets a key read everybody's usage, with personal data masked.
	ScopeAnalyticsRead = "analytics:read"
	// ScopeAdmin lets a key read and change everything.
	ScopeAdmin = "admin"
)

// Identity is a registered key and its verified owner. It is shared and must not be changed.
type Identity struct {
	KeyID            string // "key_…"
	Fingerprint      Fingerprint
	UserID           string // "usr_…"; empty for the platform's own keys
	UserEmail        string
	OrganizationID   string // "org_…"
	OrganizationName string
	Environment      string // "sandbox" or "live"
	Scopes           []string
	// OrganizationAdmin says that the owner manages its organisation.
	OrganizationAdmin bool
	// Confirmed says that the owner has shown that its e-mail address is its own. A key without a user is confirmed.
	Confirmed bool
	// Addresses are the networks that the key may be used from; empty: from everywhere.
	Addresses []netip.Prefix
	Allowance Allowance
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: not revoked
}

// Allowance is what a key may use up, together with all keys that share it.
type Allowance struct {
	ID int32
	// PerHour bounds the requests of a UTC hour, PerMonth those of a UTC calendar month; 0 is no bound.
	PerHour, PerMonth int64
}

// MayComeFrom reports whether the key may be used from an address. An unknown address is no allowed one.
func (id *Identity) MayComeFrom(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, network := range id.Addresses {
		if network.Contains(addr) {
			return true
		}
	}
	return len(id.Addresses) == 0
}

// Has reports whether the key holds a scope.
func (id *Identity) Has(scope string) bool {
	for _, s := range id.Scopes {
		if s == scope {
			return true
		}
	}
	return false
}

// Reasons why a key is refused, and the failure to find out.
var (
	// ErrMalformed is returned for what cannot be a key, without a look at the store.
	ErrMalformed = errors.New("API key is malformed")
	// ErrUnknown is returned for a well-formed key that nobody registered.
	ErrUnknown = errors.New("API key is unknown")
	// ErrRevoked and ErrExpired come together with the key's identity.
	ErrRevoked = errors.New("API key is revoked")
	ErrExpired = errors.New("API key has expired")
	// ErrUnavailable is returned when the key is not in the cache and the store cannot be asked. It says
	// nothing about the key.
	ErrUnavailable = errors.New("API keys cannot be checked at the moment")
)

// Store is where registered keys are kept.
type Store interface {
	// LookUp returns the keys with these fingerprints, in their order, revoked and expired ones too, and nil for those that nobody
	// registered. An error means that the store could not be asked.
	LookUp(ctx context.Context, fingerprints ...Fingerprint) ([]*Identity, error)
	// Watch tells of each change since it began, and of AnyKey after anything that may have hidden a change, such as a lost
	// connection. It returns when ctx ends.
	Watch(ctx context.Context, changed func(Change)) error
}

// Change says which keys have to be looked up again.
type Change struct {
	Of  Changed
	Key Fingerprint // with OneKey
}

// Changed is how much a [Change] is about.
type Changed int

const (
	// AnyKey may have changed.
	AnyKey Changed = iota
	// OneKey has changed, which LookUp found before.
	OneKey
	// NewKey has changed, or was registered, which LookUp has not found before.
	NewKey
)
