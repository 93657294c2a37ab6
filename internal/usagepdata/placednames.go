package usagepdata

import "github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"

// maxPlaces is how many places of [placedNames] are kept. Spans with more attributes are rare.
const maxPlaces = 64

// placedNames are the names that the span before had, in order, and what they mean. Most spans of a request come from the same
// code, so what a name means is found out once.
type placedNames [maxPlaces]placedName

type placedName struct {
	text   string
	reader reader
	stamps bool // depend on its value
}

// reader is what takes an attribute of a name.
type reader uint8

const (
	readByNone reader = iota
	readByCall
	readByDeed
	readByWho
	readByKept
)

// at is the name at place i.
func (n *placedNames) at(i int, name []byte) *placedName {
	if i >= maxPlaces {
		p := newPlacedName(string(name))
		return &p
	}
	if n[i].text != string(name) {
		n[i] = newPlacedName(string(name))
	}
	return &n[i]
}

func newPlacedName(name string) placedName {
	p := placedName{text: name, reader: readerOf(name)}
	switch name {
	case usageconv.APIKeyFingerprint, usageconv.ClientAddress, usageconv.UserAgentOriginal, usageconv.SDKName:
		p.stamps = true
	}
	return p
}

func readerOf(name string) reader {
	var r reading
	switch {
	case r.call.take(name, value{}):
		return readByCall
	case r.what.take(name, value{}):
		return readByDeed
	case r.who.take(name, value{}):
		return readByWho
	case isOurs(name):
		return readByKept
	}
	return readByNone
}

// takeBy reads an attribute whose reader is known.
func (r *reading) takeBy(by reader, key string, v value) {
	switch by {
	case readByCall:
		r.call.take(key, v)
	case readByDeed:
		r.what.take(key, v)
	case readByWho:
		r.who.take(key, v)
	case readByKept:
		r.keep.put(key, v)
	}
}
