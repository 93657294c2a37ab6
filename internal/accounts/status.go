package accounts

import "time"

// What a key or an invitation is at a time. The words are shown; never change them.
const (
	StatusActive   = "active"   // a key
	StatusOpen     = "open"     // an invitation
	StatusAccepted = "accepted" // an invitation
	StatusExpired  = "expired"
	StatusRevoked  = "revoked"
)

// Status says whether the key is good at a time, and if not, why.
func (k *Key) Status(now time.Time) string {
	switch {
	case !k.RevokedAt.IsZero():
		return StatusRevoked
	case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now):
		return StatusExpired
	}
	return StatusActive
}

// Status says whether the invitation can be accepted at a time, and if not, why.
func (i *Invitation) Status(now time.Time) string {
	switch {
	case !i.AcceptedAt.IsZero():
		return StatusAccepted
	case !i.RevokedAt.IsZero():
		return StatusRevoked
	case !i.ExpiresAt.After(now):
		return StatusExpired
	}
	return StatusOpen
}
