package stamp

import "strings"

const (
	ownSDK = "disco-sdk" // starts the name of every Disco SDK

	maxUserAgent = 256 // bytes that are looked at
	maxProduct   = 64  // bytes of a name or a version
	maxLanguage  = 16
)

// SDK is an SDK as a User-Agent names it. The language may be unknown; without a name there is none.
type SDK struct{ Name, Version, Language string }

// SDKIn finds the SDK that a User-Agent names. What is cut out of it is a copy, so that it keeps no long header in memory.
func SDKIn(userAgent string) SDK {
	s, _ := parseUserAgent(strings.Clone(userAgent[:min(len(userAgent), maxUserAgent)]))
	return s
}

// parseUserAgent finds the SDK in a User-Agent (RFC 9110, section 10.1.5): a Disco SDK wherever it stands, else the first
// product whose name has the word sdk, which is the most significant one by the RFC.
// "acme-sdk-python/2.1.0 (linux)" is acme-sdk-python, 2.1.0 and python.
func parseUserAgent(s string) (first SDK, found bool) {
	s = s[:min(len(s), maxUserAgent)]
	for product, rest := nextProduct(s); product != ""; product, rest = nextProduct(rest) {
		name, version, _ := strings.Cut(product, "/")
		after, ok := afterSDK(name)
		if !ok || !isToken(name) || !isToken(version) {
			continue
		}
		candidate := SDK{name, version, leadingLetters(after)}
		if name == ownSDK || strings.HasPrefix(name, ownSDK+"-") {
			if candidate.Language == "" { // then the comment starts with it: "disco-sdk/2 (python 3.12)"
				comment, _ := strings.CutPrefix(strings.TrimLeft(rest, " "), "(")
				candidate.Language = leadingLetters(comment)
			}
			return candidate, true
		}
		if !found {
			first, found = candidate, true
		}
	}
	return first, found
}

// afterSDK finds the word sdk in a name such as acme-sdk-python, and gives what stands behind it.
func afterSDK(name string) (after string, ok bool) {
	for name != "" {
		word := name
		if end := strings.IndexAny(name, "-_."); end >= 0 {
			word, name = name[:end], name[end+1:]
		} else {
			name = ""
		}
		if strings.EqualFold(word, "sdk") {
			return name, true
		}
	}
	return "", false
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
