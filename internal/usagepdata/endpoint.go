package usagepdata

import (
	"strings"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// otherMethod stands for a method that HTTP does not know (semantic conventions, http.request.method).
const otherMethod = "_OTHER"

// method is the canonical form of an HTTP method: anything unknown is one value, so that a hostile sender cannot make
// endpoints without end. Methods: RFC 9110, RFC 5789 (PATCH), and QUERY as in the semantic conventions.
func method(s string) string {
	switch s {
	case "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY":
		return s
	}
	if len(s) <= len("CONNECT") {
		if upper := strings.ToUpper(s); upper != s {
			return method(upper)
		}
	}
	return otherMethod
}

// endpoint is the route of a request: what the sender names as such, else its path with the ids replaced.
func (h *httpCall) endpoint() string {
	switch {
	case h.route != "":
		return cleanRoute(h.route)
	case h.template != "":
		return cleanRoute(h.template)
	case h.path != "":
		return templated(h.path)
	case h.url != "":
		return templated(pathOf(h.url))
	}
	return ""
}

// cleanRoute takes off what is no part of a route: a query, and the method in a pattern of Go's ServeMux.
func cleanRoute(given string) string {
	s := withoutQuery(given)
	if m, pattern, ok := strings.Cut(s, " "); ok && method(m) != otherMethod {
		s = strings.TrimLeft(pattern, " ")
	}
	s = usage.Sanitize(s, usage.MaxRoute)
	if len(s) < len(given) {
		s = strings.Clone(s) // lets go of the query, however long
	}
	return s
}

func withoutQuery(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return s[:i]
	}
	return s
}

// pathOf is the path of an absolute URL.
func pathOf(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		i := strings.IndexAny(rest, "/?#")
		if i < 0 {
			return "/"
		}
		url = rest[i:]
	}
	return url
}

const (
	// maxPath bounds the work on a path; what is longer is cut before it is looked at.
	maxPath = 4 * usage.MaxRoute
	// maxSegment is the longest segment that passes for a word.
	maxSegment = 40
	// minRandom is the length from which letters mixed with a digit are taken for a random id. The shortest ids in
	// common use are longer: nanoid 21, ULID 26, KSUID 27.
	minRandom = 16
	// minDigits is how many digits no word has.
	minDigits = 8
	// minHex is the shortest hexadecimal number, digits among it, that is taken for an id.
	minHex = 8
)

// pathMarks may stand in a word beside letters and digits. Braces and stars come from templates.
const pathMarks = "-_.:~+{}*$(),=!';&"

// templated replaces the segments of a path that look like ids by {id}:
//
//   - numbers, dates and times: 42, 2026-11-24
//   - UUIDs, and hexadecimal numbers from 8 digits on
//   - ids with a prefix: pay_123, agt-9f2c
//   - 16 and more letters and digits mixed
//   - whatever is no plain word: longer than 40 bytes, percent-encoded, an e-mail address, not ASCII
//
// Words and versions (v1, oauth2) stay. It would rather take a word for an id than let an id through: an endpoint too
// coarse can be read, a thousand endpoints cannot.
func templated(path string) string {
	path = withoutQuery(path)
	if len(path) > maxPath {
		path = path[:maxPath]
	}
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(path[1:], "/") {
		b.WriteByte('/')
		if looksLikeID(segment) {
			segment = "{id}"
		}
		b.WriteString(segment)
	}
	return usage.Sanitize(b.String(), usage.MaxRoute)
}

func looksLikeID(s string) bool {
	if s == "" || s == "{id}" {
		return false
	}
	if len(s) > maxSegment {
		return true
	}
	var digits, hexLetters, otherLetters, capitals, marks int
	for i := range len(s) {
		if isUpper(s[i]) {
			capitals++
		}
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			hexLetters++
		case c >= 'g' && c <= 'z', c >= 'G' && c <= 'Z':
			otherLetters++
		case strings.IndexByte(pathMarks, c) >= 0:
			marks++
		default:
			return true // '@', '%', spaces, control characters, not ASCII
		}
	}
	letters := hexLetters + otherLetters
	switch {
	case digits == 0:
		return false
	case letters == 0 || digits >= minDigits:
		return true
	case otherLetters == 0 && digits+hexLetters >= minHex && !strings.ContainsAny(s, "_."):
		return true // hexadecimal, and UUIDs in any grouping
	case digits+letters >= minRandom && (marks <= 1 || capitals > 0 && capitals < letters):
		return true
	}
	return hasPrefixedID(s)
}

// hasPrefixedID reports whether s is letters, '_' or '-', then something with a digit in it that is not a version.
func hasPrefixedID(s string) bool {
	i := strings.IndexAny(s, "_-")
	if i <= 0 || i == len(s)-1 || strings.ContainsAny(s[:i], "0123456789") {
		return false
	}
	rest := s[i+1:]
	if isVersion(rest) {
		return false
	}
	return strings.ContainsAny(rest, "0123456789")
}

// isVersion reports whether s is v and digits.
func isVersion(s string) bool {
	return len(s) >= 2 && len(s) <= 4 && (s[0] == 'v' || s[0] == 'V') && strings.Trim(s[1:], "0123456789") == ""
}
