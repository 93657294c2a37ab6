package sdkinstrumentation

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxKey bounds what is hashed. A key has at most 52 bytes.
const maxKey = 256

// Fingerprint is the SHA-256 of an API key in hex, the only form in which telemetry may carry a key.
func Fingerprint(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// presentedFingerprint reads the value of an Authorization header. Only what looks like a key of the platform
// is hashed: other people's tokens are none of our business, not even as a hash.
func presentedFingerprint(authorization string) string {
	key := presentedKey(authorization)
	if key == "" {
		return ""
	}
	return Fingerprint(key)
}

// presentedKey reads the value of an Authorization header; "" for what does not look like a key of the platform.
func presentedKey(authorization string) string {
	scheme, key, _ := strings.Cut(authorization, " ")
	key = strings.TrimSpace(key)
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(key, "dk_") || len(key) > maxKey {
		return ""
	}
	return key
}
