package packed

import (
	"hash/maphash"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// Text is a string of a request. Its spans have few different values, so that equal ones are mostly one Text: what waits in the
// queue is smaller, the garbage collector has less to mark, and what is true of a value is found out once.
type Text struct {
	String   string
	Storable bool // usage.Sanitize would leave it as it is, but for its length
	plain    bool // there is no key in it
}

// texts are the strings of a request by number. It forgets one for another that falls into its place.
type texts struct {
	all    []Text
	places [textPlaces]uint32 // a number, and one more
}

const (
	// textPlaces is large enough for what differs from call to call, such as agents and amounts, to leave the rest in its place.
	textPlaces = 1024
	// longestShared bounds what is worth looking for. Longer values are rare, and differ.
	longestShared = 128
)

var textSeed = maphash.MakeSeed()

// number is the number of the text.
func (t *texts) number(b []byte) uint32 {
	if len(b) > longestShared {
		return t.add(Text{String: string(b), plain: plainText(b)})
	}
	place := &t.places[maphash.Bytes(textSeed, b)%textPlaces]
	if n := *place; n > 0 && t.all[n-1].String == string(b) {
		return n - 1
	}
	s := string(b)
	n := t.add(Text{String: s, Storable: usage.Sanitize(s, len(s)) == s, plain: plainText(b)})
	*place = n + 1
	return n
}

func (t *texts) add(one Text) uint32 {
	t.all = append(t.all, one)
	return uint32(len(t.all) - 1)
}

// forget lets go of the strings and keeps the memory.
func (t *texts) forget() {
	clear(t.all)
	t.all = t.all[:0]
	clear(t.places[:])
}
