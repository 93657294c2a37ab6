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
func appendShares(dst []byte, list []placed) []byte {
	if len(list) == 0 {
		return dst
	}
	widths := shareWidths{1}
	for _, f := range list {
		for i, n := range shareOf(f.figures) {
			widths[i] = max(widths[i], (bits.Len32(n)+7)/8)
		}
	}
	for _, width := range widths {
		dst = append(dst, byte(width))
	}
	for _, f := range list {
		for i, n := range shareOf(f.figures) {
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
	f, err := formOf(shares)
	if err != nil {
		return err
	}
	shares = shares[shareHeader:]
	if len(shares)%f.length != 0 {
		return errNotShares
	}
	if f.length <= ahead {
		shares = f.narrow(shares, fn)
	}
	for ; len(shares) >= f.length+ahead; shares = shares[f.length:] {
		fn(f.share(shares))
	}
	var last [2 * (maxShare + ahead)]byte
	for rest := last[:copy(last[:], shares)]; len(rest) > 0; rest = rest[f.length:] {
		fn(f.share(rest[:maxShare+ahead]))
	}
	return nil
}

// ahead is how many bytes are read at once, whatever a figure takes.
const ahead = 8

// shareForm says where the figures of an organisation are.
type shareForm struct {
	length    int
	at, width [4]int
}

func formOf(shares []byte) (f shareForm, err error) {
	if len(shares) < shareHeader {
		return f, errNotShares
	}
	for i, width := range shares[:shareHeader] {
		f.at[i], f.width[i] = f.length, int(width)
		f.length += int(width)
		if width > 4 {
			return f, errNotShares
		}
	}
	if f.width[0] == 0 {
		return f, errNotShares
	}
	return f, nil
}

// share reads the first of some shares.
func (f *shareForm) share(b []byte) (organization int32, requests, errors, payments int64) {
	n := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[f.at[i]:]) >> (64 - 8*f.width[i])) }
	return int32(n(0)), n(1), n(2), n(3)
}

// narrow hands on shares that fit into eight bytes, as most do: these are read once, which takes half the time. It returns the
// last ones, which have too few bytes behind them.
func (f *shareForm) narrow(shares []byte, fn func(organization int32, requests, errors, payments int64)) []byte {
	var shift [4]uint
	var mask [4]uint64
	for i := range f.at {
		shift[i], mask[i] = uint(64-8*(f.at[i]+f.width[i])), 1<<(8*f.width[i])-1
	}
	for ; len(shares) >= ahead; shares = shares[f.length:] {
		v := binary.BigEndian.Uint64(shares)
		n := func(i int) uint64 { return v >> (shift[i] & 63) & mask[i] }
		fn(int32(n(0)), int64(n(1)), int64(n(2)), int64(n(3)))
	}
	return shares
}
