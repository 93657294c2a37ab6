package usagepdata

import (
	"github.com/disco-platform/mirrorball/internal/packed"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// namedReader says what takes an attribute of a name, which is found out once for a request.
type namedReader struct {
	name   string
	reader reader
	stamps bool // depend on its value
}

// readersOf are the readers of all names of a request, by their numbers.
func readersOf(r *packed.Request) []namedReader {
	all := make([]namedReader, r.Names())
	for i := range all {
		name := r.Name(uint16(i))
		all[i] = namedReader{name: name, reader: readerOf(name)}
		switch name {
		case usageconv.APIKeyFingerprint, usageconv.ClientAddress, usageconv.UserAgentOriginal, usageconv.SDKName:
			all[i].stamps = true
		}
	}
	return all
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

func readerOf(name string) reader {
	var r reading
	var none value
	switch {
	case r.call.take(name, &none):
		return readByCall
	case r.what.take(name, &none):
		return readByDeed
	case r.who.take(name, &none):
		return readByWho
	case isOurs(name):
		return readByKept
	}
	return readByNone
}

// takeBy reads an attribute whose reader is known.
func (r *reading) takeBy(by reader, key string, v *value) {
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
