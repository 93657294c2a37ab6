package postgres

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Pepper is the secret that keys' digests are made with. It is kept outside the database, so that a copy of the
// database lets nobody test a key.
type Pepper []byte

// ID names the pepper without giving it away.
func (p Pepper) ID() string {
	mac := hmac.New(sha256.New, p)
	mac.Write([]byte("mirrorball pepper id"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Derive makes a secret for a purpose. It says nothing about the pepper, or about secrets for other purposes.
func (p Pepper) Derive(purpose string) []byte {
	mac := hmac.New(sha256.New, p)
	mac.Write([]byte("mirrorball:" + purpose))
	return mac.Sum(nil)
}
