package requestlimitsextension

import (
	"errors"
	"math"
)

// Why a body is refused.
var (
	errTooDeep   = errors.New("values nest too deep")
	errTooMany   = errors.New("the body has too many records, attributes or other elements")
	errMalformed = errors.New("the body is no OTLP")
	errGroup     = errors.New("the body has a group, which OTLP does not know")
)

// walk follows the wire format of an OTLP message as its bytes come by, in pieces of any size, and stops when values nest
// deeper or elements are more than they may. It copies nothing. Where it understands something differently from the
// decoder behind it, it must refuse: what it steps over could be decoded as something deep.
type walk struct {
	maxDepth, left int // depth allowed, elements still allowed

	open  []frame // messages that have begun and not ended, from the outside in
	depth int     // how many of them are AnyValues
	pos   int64   // bytes seen

	state  state
	varint uint64 // what is known of the varint that is being read, …
	shift  uint   // … and how many bits that is
	child  message
	skip   int64 // bytes to pass over

	space [24]frame // for open, as long as nothing nests
}

type frame struct {
	end  int64 // position behind the message
	kind message
}

type state uint8

const (
	atTag state = iota
	atLength
	atVarint
	atSkip
)

const (
	wireVarint     = 0
	wireFixed64    = 1
	wireBytes      = 2
	wireStartGroup = 3
	wireEndGroup   = 4
	wireFixed32    = 5
)

func (w *walk) begin(root message, maxDepth, maxElements int) {
	*w = walk{maxDepth: maxDepth, left: maxElements}
	w.open = append(w.space[:0], frame{end: math.MaxInt64, kind: root})
}

// check takes the next bytes of the body.
func (w *walk) check(p []byte) error {
	for len(p) > 0 {
		n, err := w.step(p)
		if err == nil {
			err = w.leave()
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// step passes over the first bytes of p, as many as belong together.
func (w *walk) step(p []byte) (n int, err error) {
	if w.state == atTag && w.shift == 0 {
		if n = w.leap(p); n > 0 {
			w.pos += int64(n)
			return n, nil
		}
	}
	if w.state == atSkip {
		n = int(min(w.skip, int64(len(p))))
		w.pos += int64(n)
		if w.skip -= int64(n); w.skip == 0 {
			w.state = atTag
		}
		return n, nil
	}
	n, whole, err := w.readVarint(p)
	w.pos += int64(n)
	if whole {
		err = w.took()
	}
	return n, err
}

// readVarint continues the varint that is being read, and says how many bytes of p belong to it and whether it is whole.
func (w *walk) readVarint(p []byte) (n int, whole bool, err error) {
	for n, b := range p {
		if w.shift >= 64 {
			return n, false, errMalformed
		}
		w.varint |= uint64(b&0x7f) << w.shift
		w.shift += 7
		if b < 0x80 {
			return n + 1, true, nil
		}
	}
	return len(p), false, nil
}

// took acts on a varint that has been read.
func (w *walk) took() error {
	if w.pos > w.open[len(w.open)-1].end {
		return errMalformed
	}
	v := w.varint
	w.varint, w.shift = 0, 0
	switch w.state {
	case atTag:
		return w.field(v)
	case atLength:
		return w.enter(int64(v))
	}
	w.state = atTag
	return nil
}

// field begins a field. The decoder takes the number as an int32, whatever its size, and so does this.
func (w *walk) field(tag uint64) error {
	number := int32(tag >> 3)
	if number <= 0 {
		return errMalformed
	}
	switch tag & 7 {
	case wireVarint:
		w.state = atVarint
	case wireFixed64:
		w.state, w.skip = atSkip, 8
	case wireFixed32:
		w.state, w.skip = atSkip, 4
	case wireBytes:
		w.state, w.child = atLength, childOf(w.open[len(w.open)-1].kind, number)
	case wireStartGroup, wireEndGroup: // which the decoder takes, and ends in a way of its own
		return errGroup
	default:
		return errMalformed
	}
	return nil
}

// enter begins a string, or opens a message, of length bytes.
func (w *walk) enter(length int64) error {
	parent := w.open[len(w.open)-1]
	if length < 0 || length > parent.end-w.pos {
		return errMalformed
	}
	// A value that is part of its parent costs nothing more.
	if w.child != scalar && (w.child != anyValue || parent.kind == arrayValue) {
		if w.left--; w.left < 0 {
			return errTooMany
		}
	}
	if w.child <= text {
		if w.state = atTag; length > 0 {
			w.state, w.skip = atSkip, length
		}
		return nil
	}
	if w.child == anyValue {
		if w.depth++; w.depth > w.maxDepth {
			return errTooDeep
		}
	}
	w.state = atTag
	w.open = append(w.open, frame{end: w.pos + length, kind: w.child})
	return nil
}

// leave closes the messages that end here.
func (w *walk) leave() error {
	for {
		top := w.open[len(w.open)-1]
		if w.pos > top.end || (w.pos == top.end && (w.state != atTag || w.shift > 0)) {
			return errMalformed
		}
		if w.pos < top.end {
			return nil
		}
		if top.kind == anyValue {
			w.depth--
		}
		w.open = w.open[:len(w.open)-1]
	}
}
