package postgres

import (
	"encoding/binary"
)

// array builds a Postgres array in binary form (array_recv in arrayfuncs.c), without reflection and with numerics that are
// binary already.
type array struct {
	element  uint32 // type of the elements
	elements []byte
	n        int
}

func (a *array) length(n int) {
	a.n++
	a.elements = binary.BigEndian.AppendUint32(a.elements, uint32(n))
}

func (a *array) int2(v int16) {
	a.length(2)
	a.elements = binary.BigEndian.AppendUint16(a.elements, uint16(v))
}

func (a *array) int4(v int32) {
	a.n++
	a.elements = appendInt4(a.elements, v)
}

// sparseInt4 is the i-th element, unless it is zero.
func (a *array) sparseInt4(i int, v int64) {
	if v != 0 {
		a.padInt4(i)
		a.int4(int32(v))
	}
}

func (a *array) int8(v int64) {
	a.length(8)
	a.elements = binary.BigEndian.AppendUint64(a.elements, uint64(v))
}

// padInt4 and padInt8 fill up with zeroes to a length of n elements.
func (a *array) padInt4(n int) {
	for a.n < n {
		a.int4(0)
	}
}

func (a *array) padInt8(n int) {
	for a.n < n {
		a.int8(0)
	}
}

func (a *array) reset() { a.elements, a.n = a.elements[:0], 0 }

func (a *array) amount(m *amount) {
	a.n++
	a.elements = appendSized(a.elements, m.append)
}

func (a *array) append(dst []byte) []byte {
	if a.n == 0 {
		return appendArrayHeader(dst, 0, a.element)
	}
	dst = appendArrayHeader(dst, 1, a.element)
	dst = binary.BigEndian.AppendUint32(dst, uint32(a.n))
	dst = binary.BigEndian.AppendUint32(dst, 1) // lower bound
	return append(dst, a.elements...)
}

// appendArrayHeader: dimensions, no NULLs, type of the elements.
func appendArrayHeader(dst []byte, dimensions uint32, element uint32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, dimensions)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	return binary.BigEndian.AppendUint32(dst, element)
}

// Postgres counts time from 2000-01-01 UTC.
const (
	postgresEpochMicros = 946_684_800_000_000
	postgresEpochDay    = 10_957
)

// dayOf is the UTC day of a moment in microseconds, counted from 1970-01-01.
func dayOf(micros int64) int32 {
	const day = 86_400_000_000
	d := micros / day
	if micros%day < 0 {
		d--
	}
	return int32(d)
}
