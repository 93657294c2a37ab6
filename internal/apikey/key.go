package apikey

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"
)

// Environments that a key belongs to, as in [Identity].
const (
	Sandbox = "sandbox"
	Live    = "live"
)

// Kind is what a key's prefix says.
type Kind struct {
	// Environment is "sandbox" or "live".
	Environment string
	Admin       bool
}

const (
	mark           = "dk_" // starts every key, so that keys can be found in text
	randomLength   = 32    // 62^32 is about 2^190
	checksumLength = 6     // 62^6 exceeds 2^32
	tailLength     = randomLength + checksumLength
	minLength      = len(prefixTest) + tailLength
	maxLength      = len(prefixLiveAdmin) + tailLength

	prefixTest      = mark + "test_"
	prefixLive      = mark + "live_"
	prefixTestAdmin = prefixTest + "admin_"
	prefixLiveAdmin = prefixLive + "admin_"
)

// Generate makes a key for an environment, "sandbox" or "live".
func Generate(environment string, admin bool) (string, error) {
	prefix, err := prefixOf(Kind{Environment: environment, Admin: admin})
	if err != nil {
		return "", err
	}
	body := prefix + randomBase62(randomLength)
	return body + checksum(body), nil
}

// Check reads the kind of a raw key, or returns ErrMalformed for what [Generate] cannot have made.
func Check(raw string) (Kind, error) {
	if len(raw) < minLength || len(raw) > maxLength {
		return Kind{}, ErrMalformed
	}
	body, sum := raw[:len(raw)-checksumLength], raw[len(raw)-checksumLength:]
	kind, ok := kindOf(raw[:len(raw)-tailLength])
	if !ok || base62Run(body[len(body)-randomLength:]) != randomLength || sum != checksum(body) {
		return Kind{}, ErrMalformed
	}
	return kind, nil
}

// Digest is the form in which a key is stored: HMAC-SHA-256 of its fingerprint under a pepper.
func Digest(pepper []byte, f Fingerprint) []byte {
	mac := hmac.New(sha256.New, pepper)
	mac.Write(f[:])
	return mac.Sum(nil)
}

// Hint tells keys apart by eye: the kind and the last four characters, "dk_live_…a1B2". These four are
// part of the checksum, so a hint gives away no more than four of them. What is no key has no hint.
func Hint(raw string) string {
	if _, err := Check(raw); err != nil {
		return ""
	}
	return raw[:len(raw)-tailLength] + "…" + raw[len(raw)-4:]
}

// NewID makes a public id such as "key_7Q…": the prefix and 20 random base62 characters (119 bits).
func NewID(prefix string) string { return prefix + randomBase62(20) }

var anID = regexp.MustCompile(`^[a-z]{3}_[0-9A-Za-z]{1,64}$`)

// IsID reports whether a text has the form of a public id with a prefix, such as "key_"; with the prefix "", of any. What has
// not need not be looked for, and may be a key.
func IsID(prefix, s string) bool { return strings.HasPrefix(s, prefix) && anID.MatchString(s) }

// NewToken makes a secret that is used once, such as that of an invitation: 32 random base62 characters (190 bits).
func NewToken() string { return randomBase62(32) }

func prefixOf(k Kind) (string, error) {
	switch k {
	case Kind{Environment: Sandbox}:
		return prefixTest, nil
	case Kind{Environment: Live}:
		return prefixLive, nil
	case Kind{Environment: Sandbox, Admin: true}:
		return prefixTestAdmin, nil
	case Kind{Environment: Live, Admin: true}:
		return prefixLiveAdmin, nil
	}
	return "", fmt.Errorf("cannot make a key for environment %q: it must be %q or %q",
		k.Environment, Sandbox, Live)
}

func kindOf(prefix string) (Kind, bool) {
	switch prefix {
	case prefixTest:
		return Kind{Environment: Sandbox}, true
	case prefixLive:
		return Kind{Environment: Live}, true
	case prefixTestAdmin:
		return Kind{Environment: Sandbox, Admin: true}, true
	case prefixLiveAdmin:
		return Kind{Environment: Live, Admin: true}, true
	}
	return Kind{}, false
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func isBase62(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// base62Run is the number of base62 characters that s starts with.
func base62Run(s string) int {
	n := 0
	for n < len(s) && isBase62(s[n]) {
		n++
	}
	return n
}

// randomBase62 draws n characters, each equally likely: bytes from 248 (4 × 62) on are thrown away.
func randomBase62(n int) string {
	var b strings.Builder
	b.Grow(n)
	buf := make([]byte, n)
	for b.Len() < n {
		rand.Read(buf) // never fails, since Go 1.24
		for _, c := range buf {
			if c < 248 && b.Len() < n {
				b.WriteByte(base62[c%62])
			}
		}
	}
	return b.String()
}

// checksum is CRC-32 (IEEE) as base62, most significant character first, padded with '0'.
func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [checksumLength]byte
	for i := checksumLength - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}
