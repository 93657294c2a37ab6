package usage

import (
	"crypto/sha256"
	"encoding/binary"
)

// ID identifies an event within its key: the first 16 bytes of a SHA-256 over what names the event at its
// source. Among 10^12 events of one key the chance of any collision is below 10^-14 (birthday bound, n²/2^129).
type ID [16]byte

// SpanID is the id of the event behind a span. Server and client spans of one call differ in their span id.
func SpanID(traceID [16]byte, spanID [8]byte) ID {
	var buf [1 + 16 + 8]byte
	buf[0] = 's'
	copy(buf[1:], traceID[:])
	copy(buf[17:], spanID[:])
	sum := sha256.Sum256(buf[:])
	return ID(sum[:16])
}

// NamedID is the id of an event that its source named itself, such as a log record's log.record.uid
// (kind 'l') or a CloudEvent's source and id (kind 'c'); kind 'u' marks those of ordinary keys. Parts are length-prefixed, so ("a","bc") and
// ("ab","c") differ.
func NamedID(kind byte, parts ...string) ID {
	h := sha256.New()
	h.Write([]byte{kind})
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	return ID(h.Sum(sum[:0])[:16])
}
