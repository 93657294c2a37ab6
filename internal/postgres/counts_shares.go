package postgres

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// What organisations had of all keys together stands in one value, usage_counts.shares: Postgres sends it as it is, while it
// sends arrays element by element, and there may be ten thousand organisations to a day. All that is stored of them is read
// for the platform's answer, so a figure takes no more bytes than the largest one of the value needs.

// shareWidths are how many bytes a figure takes, 0 to 4: organizations.seq, requests, errors and payments. They are the first
// four bytes of a value; an organisation after the other follows.
type shareWidths [4]int

const (
	shareHeader = 4
	maxShare    = 16
)

var errNotShares = errors.New("cannot read what organisations had: the value is cut short, or not one of those")

func shareOf(f *figures) [4]uint32 {
	return [4]uint32{uint32(f.value), uint32(f.count), uint32(f.errors), uint32(f.payments)}
}

// appendShares writes what organisations had; nothing when there are none.
func appendShares(dst []byte, list []*figures) []byte {
	if len(list) == 0 {
		return dst
	}
	widths := shareWidths{1}
	for _, f := range list {
		for i, n := range shareOf(f) {
			widths[i] = max(widths[i], (bits.Len32(n)+7)/8)
		}
	}
	for _, width := range widths {
		dst = append(dst, byte(width))
	}
	for _, f := range list {
		for i, n := range shareOf(f) {
			for at := widths[i] - 1; at >= 0; at-- {
				dst = append(dst, byte(n>>(8*at)))
			}
		}
	}
	return dst
}

// eachShare hands on what each organisation had. One may occur again, where a count does not fit.
func eachShare(shares []byte, fn func(organization int32, requests, errors, payments int64)) error {
	if len(shares) == 0 {
		return nil
	}
	if len(shares) < shareHeader {
		return errNotShares
	}
	var at, shift [4]uint // where a figure begins, and by how many of the eight bytes read from there are not its own
	length := uint(0)
	for i, width := range shares[:shareHeader] {
		at[i], shift[i] = length, 64-8*uint(width)
		if length += uint(width); width > 4 {
			return errNotShares
		}
	}
	shares = shares[shareHeader:]
	if shift[0] == 64 || uint(len(shares))%length != 0 {
		return errNotShares
	}
	next := func(share []byte) {
		n := func(i int) int64 { return int64(binary.BigEndian.Uint64(share[at[i]:]) >> shift[i]) }
		fn(int32(n(0)), n(1), n(2), n(3))
	}
	const ahead = maxShare + 8 // bytes that may be looked at
	for ; len(shares) >= ahead; shares = shares[length:] {
		next(shares)
	}
	var last [2 * ahead]byte
	for rest := last[:copy(last[:], shares)]; len(rest) > 0; rest = rest[length:] {
		next(rest[:ahead])
	}
	return nil
}
