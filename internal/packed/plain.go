package packed

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/stamp"
)

// scan reads the spans of a request, and looks whether they are plain.
type scan struct {
	request *Request
	*parsed
	fingerprints, addresses set // of the resource at hand
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

// plainText reports that there is no key in a text.
func plainText(b []byte) bool { return !apikey.MayHold(b) }

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
	n, first := len(s.spans), len(s.attributes)
	s.spans = append(s.spans, Span{raw: s.place(b)})
	span := &s.spans[n]
	a := attributes{scan: s}
	for len(b) > 0 {
		f, rest, ok := next(b)
		if !ok {
			return false
		}
		b = rest
		switch f.tag {
		case spanAttributes:
			ok = a.add(f.bytes)
		case spanTraceID:
			ok = readID(span.TraceID[:], f.bytes)
		case spanID:
			ok = readID(span.SpanID[:], f.bytes)
		case spanParentID:
			ok = len(f.bytes) == 8 || len(f.bytes) == 0
		case spanTraceState, spanName:
			ok = plainText(f.bytes)
		case spanKind:
			span.Kind = ptrace.SpanKind(int32(f.number()))
		case spanStart:
			span.Start = f.number()
		case spanEnd:
			span.End = f.number()
		case spanStatus:
			ok = span.readStatus(f.bytes)
		case spanFlags, spanDroppedAttributes, spanDroppedEvents, spanDroppedLinks:
		default: // events and links among them
			ok = false
		}
		if !ok {
			return false
		}
	}
	span.attributes = piece{uint32(first), uint32(len(s.attributes))}
	return true
}

// place is where a part of the body is.
func (s *scan) place(part []byte) piece {
	end := uint32(cap(s.body) - cap(part) + len(part))
	return piece{end - uint32(len(part)), end}
}

func readID(id, b []byte) bool {
	clear(id)
	return copy(id, b) == len(b) && (len(b) == len(id) || len(b) == 0)
}

func (s *Span) readStatus(b []byte) bool {
	for len(b) > 0 {
		f, rest, ok := next(b)
		switch {
		case !ok:
			return false
		case f.tag == statusCode:
			s.Status = ptrace.StatusCode(int32(f.number()))
		case f.tag != statusMessage || !plainText(f.bytes):
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

// add reads an attribute, and reports whether it is plain: a string, a number or a boolean under a name that says nothing of who
// somebody is. A name that the processor looks for may stand there once: it writes over the first, and readers take the last.
func (a *attributes) add(b []byte) bool {
	var p pair
	if !p.read(b) {
		return false
	}
	one := Attribute{Type: p.kind, Bits: p.bits}
	if p.kind == String {
		n := a.scan.texts.number(p.text)
		if !a.scan.texts.all[n].plain {
			return false
		}
		one.Bits = uint64(n)
	}
	number, ok := a.scan.request.names.at(a.at, p.name)
	if !ok {
		return false
	}
	a.at++
	if class := a.scan.request.names.all[number].class; class != stamp.Plain && !a.special(class, &p) {
		return false
	}
	one.Name = number
	a.scan.attributes = append(a.scan.attributes, one)
	return true
}

func (a *attributes) special(class stamp.Class, p *pair) bool {
	if a.seen&(1<<class) != 0 {
		return false
	}
	a.seen |= 1 << class
	switch class {
	case stamp.Secret, stamp.Stamp, stamp.Identity:
		return false
	case stamp.Fingerprint:
		if p.kind != String || len(p.text) == 0 {
			return false
		}
		a.scan.fingerprints.add(p.text)
	case stamp.Address:
		if p.kind == String && len(p.text) > 0 {
			a.scan.addresses.add(p.text)
		}
	}
	return true
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
