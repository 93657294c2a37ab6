package postgres

import "unsafe"

// shelf finds the words of strings that were met before by where they lie in memory: equal strings of a request are mostly
// one and the same (usagepdata.same). That costs a fifth of hashing what they say. It forgets a value for another that falls
// into its place.
type shelf [shelfSize]shelved

type shelved struct {
	parts parts
	word  int32
}

const (
	shelfBits = 7
	shelfSize = 1 << shelfBits
)

// at is the place for a string, whatever stands there.
func (s *shelf) at(text string) *shelved {
	// Multiplied by 2^64 divided by the golden ratio, addresses that lie side by side are far apart in their highest bits.
	const spread = 0x9e3779b97f4a7c15
	where := uint64(uintptr(unsafe.Pointer(unsafe.StringData(text)))) * spread
	return &s[where>>(64-shelfBits)]
}

// isSame reports whether two strings lie in the same place, and so are equal.
func isSame(a, b string) bool {
	return len(a) == len(b) && (len(a) == 0 || unsafe.StringData(a) == unsafe.StringData(b))
}
