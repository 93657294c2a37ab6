package packed

import (
	"io"
	"math"
	"slices"
)

// Read reads a body that is to be packed, into memory that is used again. size is about how long it is, or not positive. With an error
// it returns what came before.
func Read(r io.Reader, size int64) (Body, error) {
	p := unused.Get().(*parsed)
	p.body = slices.Grow(p.body[:0], int(min(max(size, 0), maxKeptBody))+minRead)
	for {
		n, err := r.Read(p.body[len(p.body):cap(p.body)])
		p.body = p.body[:len(p.body)+n]
		if err == io.EOF {
			return Body{p}, nil
		}
		if err != nil {
			return Body{p}, err
		}
		p.body = slices.Grow(p.body, minRead)
	}
}

// minRead is for how much there is room at least when more is read.
const minRead = 512

// Body is a body that has been read.
type Body struct{ parsed *parsed }

// Bytes are the body.
func (b Body) Bytes() []byte { return b.parsed.body }

// Release gives the memory of a body back that was not packed.
func (b Body) Release() { b.parsed.release() }

// Pack takes the spans out of the body of an OTLP trace request in protobuf. The new body has one span for those of each resource, the
// carrier. It is false for a body that has anything but plain spans, or none; that can still be used as it is.
func Pack(b Body) (r *Request, body []byte, ok bool) {
	s := scan{request: &Request{parsed: b.parsed}, parsed: b.parsed}
	s.spans, s.attributes = s.spans[:0], s.attributes[:0]
	if int64(len(s.body)) > math.MaxUint32 {
		return nil, nil, false
	}
	for rest := s.body; len(rest) > 0; {
		f, after, ok := next(rest)
		if !ok || f.tag != requestResourceSpans {
			return nil, nil, false
		}
		rest = after
		if body, ok = s.resourceSpans(body, f.bytes); !ok {
			return nil, nil, false
		}
	}
	return s.request, body, len(s.spans) > 0
}

// resourceSpans reads a ResourceSpans whose ScopeSpans stand together, as every encoder writes them, and appends one that has a carrier
// in their place.
func (s *scan) resourceSpans(dst, b []byte) ([]byte, bool) {
	resource := &Resource{first: len(s.spans)}
	s.fingerprints, s.addresses = set{}, set{}
	var before, scopes, after []byte
	for at := 0; at < len(b); {
		f, rest, ok := next(b[at:])
		if !ok {
			return nil, false
		}
		end := len(b) - len(rest)
		switch {
		case f.tag == resourceSpansScope:
			if len(after) > 0 || !s.scopeSpans(f.bytes) {
				return nil, false
			}
			scopes = b[len(before):end]
		case f.tag != resourceSpansResource && f.tag != resourceSpansSchemaURL:
			return nil, false
		case len(scopes) == 0:
			before = b[:end]
		default:
			after = b[len(before)+len(scopes) : end]
		}
		at = end
	}
	resource.end = len(s.spans)
	if resource.Spans() == 0 {
		return nil, false
	}
	resource.Fingerprints, resource.Addresses = s.fingerprints.list, s.addresses.list
	carrier := carrierOf(len(s.request.Resources))
	s.request.Resources = append(s.request.Resources, resource)

	scope := size(scopeSpansSpan, len(carrier))
	dst = appendHead(dst, requestResourceSpans, len(before)+size(resourceSpansScope, scope)+len(after))
	dst = append(dst, before...)
	dst = appendHead(dst, resourceSpansScope, scope)
	dst = appendField(dst, scopeSpansSpan, carrier)
	return append(dst, after...), true
}
