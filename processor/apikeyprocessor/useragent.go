package apikeyprocessor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

const (
	sdkProduct = "disco-sdk" // starts the name of every Disco SDK

	maxUserAgent = 256 // bytes that are looked at
	maxProduct   = 64  // bytes of a name or a version
	maxLanguage  = 16
)

func stampSDK(m pcommon.Map, userAgent string) {
	name, version, language := parseUserAgent(userAgent)
	if name == "" {
		return
	}
	put(m, usageconv.SDKName, name)
	put(m, usageconv.SDKVersion, version)
	put(m, usageconv.SDKLanguage, language)
}

// parseUserAgent finds the product of a Disco SDK in a User-Agent (RFC 9110, section 10.1.5), which may stand behind others:
// "disco-sdk-go/1.0.0 (go1.26; linux/amd64)" is disco-sdk-go, 1.0.0 and go. All are empty when there is none. The
// language is what the name ends in, else the first word of the comment: "disco-sdk/2 (python 3.12)" is python.
func parseUserAgent(s string) (name, version, language string) {
	s = s[:min(len(s), maxUserAgent)]
	for product, rest := nextProduct(s); product != ""; product, rest = nextProduct(rest) {
		name, version, _ := strings.Cut(product, "/")
		suffix, ok := strings.CutPrefix(name, sdkProduct)
		if !ok || suffix != "" && suffix[0] != '-' || !isToken(name) || !isToken(version) {
			continue
		}
		if language := leadingLetters(strings.TrimPrefix(suffix, "-")); language != "" {
			return name, version, language
		}
		comment, _ := strings.CutPrefix(strings.TrimLeft(rest, " "), "(")
		return name, version, leadingLetters(comment)
	}
	return "", "", ""
}

// nextProduct cuts the first product off, with the comments and blanks before it.
func nextProduct(s string) (product, rest string) {
	for {
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, "(") {
			break
		}
		_, after, found := strings.Cut(s, ")")
		if !found {
			return "", ""
		}
		s = after
	}
	end := strings.IndexAny(s, " \t(")
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

// isToken accepts what RFC 9110, section 5.6.2, calls a token, within maxProduct bytes.
func isToken(s string) bool {
	if s == "" || len(s) > maxProduct {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return true
}

// leadingLetters is the word that s starts with, in lower case; "" when it is none or a long one.
func leadingLetters(s string) string {
	n := 0
	for n < len(s) && 'a' <= s[n]|0x20 && s[n]|0x20 <= 'z' {
		n++
	}
	if n > maxLanguage {
		return ""
	}
	return strings.ToLower(s[:n])
}
