package apikey

import (
	"bytes"
	"strings"
)

// Redacted is what stands where a key was.
const Redacted = "[api key]"

// minRedacted is how many characters after a prefix make it look like a key, or a part of one. A hint
// ("dk_live_…a1B2") has none, and a name like "dk_test_run" has fewer.
const minRedacted = 8

// Redact replaces whatever looks like a raw key, whole or cut short, and tells whether there was any. It returns s
// itself, without allocating, when there was none; that takes some 5 ns for an attribute of usual length.
//
// Text of two bytes to a character has a NUL in each. Who stores it takes them out, and what is left may be a key: so
// they are taken out here, when they hide one.
func Redact(s string) (string, bool) {
	if strings.IndexByte(s, 0) >= 0 {
		if clean, found := redact(strings.ReplaceAll(s, "\x00", "")); found {
			return clean, true
		}
		return s, false
	}
	return redact(s)
}

// MayHold is false for text in which Redact finds no key, and costs less: few texts are long enough for one. It may be true of
// others, too.
func MayHold(text []byte) bool {
	return len(text) >= len(prefixTest)+minRedacted && (bytes.IndexByte(text, 0) >= 0 || bytes.Contains(text, []byte(mark)))
}

func redact(s string) (string, bool) {
	at := strings.Index(s, mark)
	if at < 0 {
		return s, false
	}
	var b strings.Builder
	done := 0 // s[:done] is in b
	for at >= 0 {
		end := at + len(mark)
		if n := keyLength(s[at:]); n > 0 {
			end = at + n
			b.WriteString(s[done:at])
			b.WriteString(Redacted)
			done = end
		}
		next := strings.Index(s[end:], mark)
		if next < 0 {
			break
		}
		at = end + next
	}
	if done == 0 {
		return s, false
	}
	b.WriteString(s[done:])
	return b.String(), true
}

// keyLength is the length of what looks like a key at the start of s, or 0.
func keyLength(s string) int {
	// Longest first: "dk_live_" is the start of "dk_live_admin_".
	for _, prefix := range [...]string{prefixTestAdmin, prefixLiveAdmin, prefixTest, prefixLive} {
		if !strings.HasPrefix(s, prefix) {
			continue
		}
		end := len(prefix) + base62Run(s[len(prefix):])
		if end-len(prefix) < minRedacted {
			continue
		}
		if strings.HasPrefix(s[end-2:], mark) { // the next key follows at once; leave it its mark
			end -= 2
		}
		return end
	}
	return 0
}
