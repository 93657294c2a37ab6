package packed

import "google.golang.org/protobuf/encoding/protowire"

// Pack rewrites the body of an OTLP trace request in protobuf so that each resource has one span, which carries the others. The new body
// is the concatenation of pieces, parts of body among them; spans is how many spans are carried. It is false for a body that has anything but
// plain spans, or none.
func Pack(body []byte) (pieces [][]byte, spans int, ok bool) {
	for len(body) > 0 {
		f, rest, ok := next(body)
		if !ok || f.tag != requestResourceSpans {
			return nil, 0, false
		}
		body = rest
		p, ok := split(f.bytes)
		if !ok {
			return nil, 0, false
		}
		pieces = append(pieces, p.head(), p.scopes, p.after)
		spans += p.spans
	}
	return pieces, spans, spans > 0
}

// parts is a ResourceSpans in three pieces: its ScopeSpans, and what stands before and after them.
type parts struct {
	scan
	before, scopes, after []byte
}

// split takes a ResourceSpans apart whose ScopeSpans stand together, as every encoder writes them, and looks at its spans.
func split(b []byte) (*parts, bool) {
	p := &parts{before: b[:0], scopes: b[:0]}
	for at := 0; at < len(b); {
		f, rest, ok := next(b[at:])
		if !ok {
			return nil, false
		}
		end := len(b) - len(rest)
		switch {
		case f.tag == resourceSpansScope:
			if len(p.after) > 0 || !p.scopeSpans(f.bytes) {
				return nil, false
			}
			p.scopes = b[len(p.before):end]
		case f.tag != resourceSpansResource && f.tag != resourceSpansSchemaURL:
			return nil, false
		case len(p.scopes) == 0:
			p.before = b[:end]
		default:
			p.after = b[len(p.before)+len(p.scopes) : end]
		}
		at = end
	}
	return p, p.spans > 0
}

// head is what stands before the spans in a ResourceSpans with one carrier.
func (p *parts) head() []byte {
	key := appendField(nil, pairKey, []byte(attrSpans))
	lists := appendCount(nil, p.spans)
	lists = appendList(lists, attrFingerprints, p.fingerprints.list)
	lists = appendList(lists, attrAddresses, p.addresses.list)
	// From the inside out: bytes in a value in a pair in a span in a scope in the resource.
	value := size(valueBytes, len(p.scopes))
	pair := len(key) + size(pairValue, value)
	name := appendField(nil, spanName, []byte(carrierName))
	span := len(name) + len(lists) + size(spanAttributes, pair)
	scope := size(scopeSpansSpan, span)
	resource := len(p.before) + size(resourceSpansScope, scope) + len(p.after)

	b := make([]byte, 0, len(p.before)+len(name)+len(lists)+len(key)+64)
	b = appendHead(b, requestResourceSpans, resource)
	b = append(b, p.before...)
	b = appendHead(b, resourceSpansScope, scope)
	b = appendHead(b, scopeSpansSpan, span)
	b = append(append(b, name...), lists...)
	b = appendHead(b, spanAttributes, pair)
	b = append(b, key...)
	b = appendHead(b, pairValue, value)
	return appendHead(b, valueBytes, len(p.scopes))
}

// appendCount appends how many spans there are.
func appendCount(b []byte, n int) []byte {
	value := protowire.AppendVarint(protowire.AppendVarint(nil, uint64(valueInt)), uint64(n))
	pair := appendField(nil, pairKey, []byte(attrCount))
	return appendField(b, spanAttributes, appendField(pair, pairValue, value))
}

// appendList appends an attribute that is a list of strings.
func appendList(b []byte, name string, list []string) []byte {
	var array []byte
	for _, s := range list {
		array = appendHead(array, arrayValues, size(valueString, len(s)))
		array = appendHead(array, valueString, len(s))
		array = append(array, s...)
	}
	pair := appendField(nil, pairKey, []byte(name))
	pair = appendHead(pair, pairValue, size(valueArray, len(array)))
	pair = appendField(pair, valueArray, array)
	return appendField(b, spanAttributes, pair)
}
