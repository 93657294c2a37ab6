package packed

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// tag is the number of a field and its type on the wire.
type tag uint64

const (
	varint  = tag(protowire.VarintType)
	fixed64 = tag(protowire.Fixed64Type)
	fixed32 = tag(protowire.Fixed32Type)
	length  = tag(protowire.BytesType) // a string, bytes or a message
)

// Tags of opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto, by message.
const (
	requestResourceSpans = 1<<3 | length

	resourceSpansResource  = 1<<3 | length
	resourceSpansScope     = 2<<3 | length
	resourceSpansSchemaURL = 3<<3 | length

	scopeSpansScope     = 1<<3 | length
	scopeSpansSpan      = 2<<3 | length
	scopeSpansSchemaURL = 3<<3 | length

	scopeName    = 1<<3 | length
	scopeVersion = 2<<3 | length

	spanTraceID           = 1<<3 | length
	spanID                = 2<<3 | length
	spanTraceState        = 3<<3 | length
	spanParentID          = 4<<3 | length
	spanName              = 5<<3 | length
	spanKind              = 6<<3 | varint
	spanStart             = 7<<3 | fixed64
	spanEnd               = 8<<3 | fixed64
	spanAttributes        = 9<<3 | length
	spanDroppedAttributes = 10<<3 | varint
	spanDroppedEvents     = 12<<3 | varint
	spanDroppedLinks      = 14<<3 | varint
	spanStatus            = 15<<3 | length
	spanFlags             = 16<<3 | fixed32

	statusMessage = 2<<3 | length
	statusCode    = 3<<3 | varint

	pairKey   = 1<<3 | length
	pairValue = 2<<3 | length

	valueString = 1<<3 | length
	valueBool   = 2<<3 | varint
	valueInt    = 3<<3 | varint
	valueDouble = 4<<3 | fixed64
)

// field is one field of a message. It is no larger than what the compiler keeps in registers, four words: to store and copy one of
// five took a quarter of the time of [Pack].
type field struct {
	tag   tag
	bytes []byte // a string, bytes or a message; a number as it is encoded
}

// number is the value of a number.
func (f field) number() uint64 {
	switch f.tag & 7 {
	case fixed64:
		return binary.LittleEndian.Uint64(f.bytes)
	case fixed32:
		return uint64(binary.LittleEndian.Uint32(f.bytes))
	default:
		v, _ := protowire.ConsumeVarint(f.bytes)
		return v
	}
}

// next splits the first field off a message, without a copy: its bytes have the capacity of what it is cut out of. It is false where
// there is none that is whole and has a type of proto3. Most fields are short strings and messages; the others are left to protowire.
func next(b []byte) (f field, rest []byte, ok bool) {
	if len(b) >= 2 && b[0]&0x87 == byte(protowire.BytesType) && b[0] > 7 && b[1] < 0x80 && int(b[1]) <= len(b)-2 {
		end := 2 + int(b[1])
		return field{tag(b[0]), b[2:end]}, b[end:], true
	}
	return nextOfAny(b)
}

func nextOfAny(b []byte) (f field, rest []byte, ok bool) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 {
		return field{}, nil, false
	}
	b = b[n:]
	var content []byte
	switch kind {
	case protowire.VarintType, protowire.Fixed64Type, protowire.Fixed32Type:
		if n = protowire.ConsumeFieldValue(number, kind, b); n > 0 {
			content = b[:n]
		}
	case protowire.BytesType:
		content, n = protowire.ConsumeBytes(b)
	default:
		return field{}, nil, false
	}
	if n < 0 {
		return field{}, nil, false
	}
	return field{tag(number)<<3 | tag(kind), content}, b[n:], true
}

// appendHead appends what stands before a string, bytes or a message of n bytes.
func appendHead(b []byte, t tag, n int) []byte {
	return protowire.AppendVarint(protowire.AppendVarint(b, uint64(t)), uint64(n))
}

func appendField(b []byte, t tag, content []byte) []byte {
	return append(appendHead(b, t, len(content)), content...)
}

// size is the size of a field with n bytes of content.
func size(t tag, n int) int {
	return protowire.SizeVarint(uint64(t)) + protowire.SizeBytes(n)
}
