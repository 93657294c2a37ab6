package postgres

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"
)

// array builds one parameter of an unnest statement in the binary form of a Postgres array (array_recv in
// arrayfuncs.c), without reflection and with numerics that are binary already.
type array struct {
	element  uint32 // type of the elements
	elements []byte
	n        int
	nulls    bool
}

func (a *array) length(n int) {
	a.n++
	a.elements = binary.BigEndian.AppendUint32(a.elements, uint32(n))
}

func (a *array) null() {
	a.nulls = true
	a.n++
	a.elements = append(a.elements, 0xff, 0xff, 0xff, 0xff) // length -1
}

func (a *array) int2(v int16) {
	a.length(2)
	a.elements = binary.BigEndian.AppendUint16(a.elements, uint16(v))
}

func (a *array) int4(v int32) {
	a.length(4)
	a.elements = binary.BigEndian.AppendUint32(a.elements, uint32(v))
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

func (a *array) reset() { a.elements, a.n, a.nulls = a.elements[:0], 0, false }

func (a *array) date(day int32) { a.int4(day - postgresEpochDay) }

func (a *array) bytes(v []byte) {
	a.length(len(v))
	a.elements = append(a.elements, v...)
}

// bits is a bit string of whole bytes.
func (a *array) bits(v []byte) {
	a.length(4 + len(v))
	a.elements = binary.BigEndian.AppendUint32(a.elements, uint32(8*len(v)))
	a.elements = append(a.elements, v...)
}

func (a *array) decimal(d decimal.Decimal) { a.bytes(appendDecimal(nil, d)) }

// encode is the array with its header.
func (a *array) encode() []byte { return a.append(make([]byte, 0, 20+len(a.elements))) }

func (a *array) append(dst []byte) []byte {
	if a.n == 0 {
		return appendArrayHeader(dst, 0, a.nulls, a.element)
	}
	dst = appendArrayHeader(dst, 1, a.nulls, a.element)
	dst = binary.BigEndian.AppendUint32(dst, uint32(a.n))
	dst = binary.BigEndian.AppendUint32(dst, 1) // lower bound
	return append(dst, a.elements...)
}

func appendArrayHeader(dst []byte, dimensions uint32, nulls bool, element uint32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, dimensions)
	flags := uint32(0)
	if nulls {
		flags = 1
	}
	dst = binary.BigEndian.AppendUint32(dst, flags)
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

var numericPlan = pgtype.NumericCodec{}.PlanEncode(pgtype.NewMap(), pgtype.NumericOID, pgtype.BinaryFormatCode, pgtype.Numeric{})

// appendDecimal appends a decimal in the binary form of numeric.
func appendDecimal(dst []byte, d decimal.Decimal) []byte {
	out, err := numericPlan.Encode(pgtype.Numeric{Int: d.Coefficient(), Exp: d.Exponent(), Valid: true}, dst)
	if err != nil {
		panic(err) // every finite decimal can be encoded
	}
	return out
}
