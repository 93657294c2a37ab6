package packed

// pair is a KeyValue on the wire: a name with a string, a number or a boolean.
type pair struct {
	name []byte
	text []byte // of a string
	bits uint64 // of a number or boolean
	kind ValueType
}

// read reads a KeyValue that has a key and a value which nests nothing, in any order, and no more.
func (p *pair) read(b []byte) bool {
	key, value, ok := pairOf(b)
	if !ok {
		return false
	}
	p.name = key
	if len(value) >= 2 && value[0] == byte(valueString) && int(value[1]) == len(value)-2 && value[1] < 0x80 {
		p.kind, p.text, p.bits = String, value[2:], 0
		return true
	}
	v, rest, ok := next(value)
	if !ok || len(rest) > 0 {
		return false
	}
	p.text, p.bits = nil, 0
	switch v.tag {
	case valueString:
		p.kind, p.text = String, v.bytes
		return true
	case valueBool:
		p.kind = Bool
	case valueInt:
		p.kind = Int
	case valueDouble:
		p.kind = Double
	default:
		return false
	}
	p.bits = v.number()
	return true
}

// pairOf splits a KeyValue. In most, both parts are short.
func pairOf(b []byte) (key, value []byte, ok bool) {
	if len(b) >= 4 && b[1] < 0x80 {
		if at := 2 + int(b[1]); at+2 <= len(b) && b[at+1] < 0x80 && int(b[at+1]) == len(b)-at-2 {
			switch {
			case b[0] == byte(pairKey) && b[at] == byte(pairValue):
				return b[2:at], b[at+2:], true
			case b[0] == byte(pairValue) && b[at] == byte(pairKey):
				return b[at+2:], b[2:at], true
			}
			return nil, nil, false
		}
	}
	first, b, ok := next(b)
	if !ok {
		return nil, nil, false
	}
	second, b, ok := next(b)
	switch {
	case !ok || len(b) > 0:
		return nil, nil, false
	case first.tag == pairKey && second.tag == pairValue:
		return first.bytes, second.bytes, true
	case first.tag == pairValue && second.tag == pairKey:
		return second.bytes, first.bytes, true
	}
	return nil, nil, false
}
