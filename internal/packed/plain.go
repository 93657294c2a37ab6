package packed

import (
	"bytes"

	"github.com/disco-platform/mirrorball/internal/stamp"
)

// scan looks at the spans of one resource: whether they are plain, and what they name.
type scan struct {
	names                   names
	fingerprints, addresses set
	spans                   int
}

// scopeSpans reports whether a ScopeSpans is plain.
func (s *scan) scopeSpans(b []byte) bool {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return false
		}
		b = rest
		switch f.tag {
		case scopeSpansScope:
			ok = plainScope(f.bytes)
		case scopeSpansSpan:
			s.spans++
			ok = s.span(f.bytes)
		case scopeSpansSchemaURL:
			ok = plainText(f.bytes)
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

// keyMark starts every API key, and shortestKey is the least that is taken for one; see [apikey.Redact].
var keyMark = []byte("dk_")

const shortestKey = 16

// plainText reports that there is no key in a text, nor one between NULs.
func plainText(b []byte) bool {
	return len(b) < shortestKey || bytes.IndexByte(b, 0) < 0 && !bytes.Contains(b, keyMark)
}

func plainScope(b []byte) bool {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok || f.tag != scopeName && f.tag != scopeVersion || !plainText(f.bytes) {
			return false
		}
		b = rest
	}
	return true
}

func (s *scan) span(b []byte) bool {
	a := attributes{scan: s}
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return false
		}
		b = rest
		switch f.tag {
		case spanAttributes:
			ok = a.pair(f.bytes)
		case spanTraceID:
			ok = len(f.bytes) == 16 || len(f.bytes) == 0
		case spanID, spanParentID:
			ok = len(f.bytes) == 8 || len(f.bytes) == 0
		case spanTraceState, spanName:
			ok = plainText(f.bytes)
		case spanStatus:
			ok = plainStatus(f.bytes)
		case spanKind, spanStart, spanEnd, spanFlags, spanDroppedAttributes, spanDroppedEvents, spanDroppedLinks:
		default: // events and links among them
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

func plainStatus(b []byte) bool {
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok || f.tag != statusCode && (f.tag != statusMessage || !plainText(f.bytes)) {
			return false
		}
		b = rest
	}
	return true
}

// attributes are those of the span at hand.
type attributes struct {
	scan *scan
	at   int    // of the next one
	seen uint16 // classes that came, a bit to each
}

// pair reports whether an attribute is plain: a string, a number or a boolean under a name that says nothing of who somebody is. A
// name that the processor looks for may stand there once: it writes over the first, and readers take the last.
func (a *attributes) pair(b []byte) bool {
	var one Attribute
	if !one.read(b) || one.Type == String && !plainText(one.Text) {
		return false
	}
	class := a.scan.names.classOf(a.at, one.Name)
	a.at++
	if class == stamp.Plain {
		return true
	}
	if a.seen&(1<<class) != 0 {
		return false
	}
	a.seen |= 1 << class
	switch class {
	case stamp.Secret, stamp.Stamp, stamp.Identity:
		return false
	case stamp.Fingerprint:
		if one.Type != String || len(one.Text) == 0 {
			return false
		}
		a.scan.fingerprints.add(one.Text)
	case stamp.Address:
		if one.Type == String && len(one.Text) > 0 {
			a.scan.addresses.add(one.Text)
		}
	}
	return true
}

// maxNames is how many places of [names] are kept. Spans with more attributes are rare.
const maxNames = 64

// names are the names that the span before had, in order. Most spans of a request come from the same code.
type names [maxNames]struct {
	name  string
	class stamp.Class
}

// classOf is [stamp.ClassOf] for the name at place i.
func (n *names) classOf(i int, name []byte) stamp.Class {
	if i >= maxNames {
		return stamp.ClassOf(string(name))
	}
	if n[i].name != string(name) {
		n[i].name = string(name)
		n[i].class = stamp.ClassOf(n[i].name)
	}
	return n[i].class
}

// set are different strings in the order in which they came first.
type set struct {
	list []string
	has  map[string]struct{}
}

func (s *set) add(b []byte) {
	if _, ok := s.has[string(b)]; ok {
		return
	}
	if s.has == nil {
		s.has = make(map[string]struct{})
	}
	one := string(b)
	s.has[one] = struct{}{}
	s.list = append(s.list, one)
}
