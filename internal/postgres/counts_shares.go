package postgres

import (
	"encoding/binary"
	"errors"
)

// What organisations had of all keys together stands in one value, usage_counts.shares: Postgres sends it as it is, while it
// sends arrays element by element, and there may be ten thousand organisations to a day.

// shareLength is that of one organisation: organizations.seq, requests, errors and payments, of four bytes each.
const shareLength = 16

var errNotShares = errors.New("cannot read what organisations had: the value is cut short")

func appendShare(dst []byte, f *figures) []byte {
	for _, n := range [...]int32{f.value, int32(f.count), int32(f.errors), int32(f.payments)} {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	return dst
}

// eachShare hands on what each organisation had. One may occur again, where a count does not fit.
func eachShare(shares []byte, fn func(organization int32, requests, errors, payments int64)) error {
	if len(shares)%shareLength != 0 {
		return errNotShares
	}
	for ; len(shares) > 0; shares = shares[shareLength:] {
		n := func(i int) int32 { return int32(binary.BigEndian.Uint32(shares[4*i:])) }
		fn(n(0), int64(n(1)), int64(n(2)), int64(n(3)))
	}
	return nil
}
