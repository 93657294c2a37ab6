package usage

import (
	"strings"
	"unicode/utf8"
)

// Limits of what one event may hold, in bytes unless said otherwise. Longer strings are cut at a rune
// boundary; further attributes are dropped and counted. They bound the width of a row, so that one hostile
// record cannot make a batch large.
const (
	MaxUserAgent  = 256
	MaxRoute      = 256
	MaxName       = 128 // event names, operations, SDK names and versions, agent and service ids, error types
	MaxEmail      = 254 // RFC 5321, section 4.5.3.1.3, less the angle brackets
	MaxClaim      = 256
	MaxAttributes = 64 // number of attributes
	MaxAttribute  = 1024
	MaxDetail     = 512
	MaxRecord     = 8 << 10
)

// Sanitize makes s storable in Postgres: NUL is removed, invalid UTF-8 becomes U+FFFD, and what is longer than
// max bytes is cut. It returns s itself, without allocating, when nothing has to change.
func Sanitize(s string, max int) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if !utf8.ValidString(s) {
		if len(s) > 2*max {
			s = s[:2*max] // enough for max bytes of output; keeps a megabyte of rubbish cheap
		}
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if len(s) <= max {
		return s
	}
	cut := max
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.Clone(s[:cut])
}
