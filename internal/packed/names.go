package packed

import "github.com/disco-platform/mirrorball/internal/stamp"

const (
	// maxPlaces is how many places of [names] are looked at. Spans with more attributes are rare.
	maxPlaces = 64
	// maxNames is how many different names a request may have that is packed.
	maxNames = 1024
)

// names are the different names of the attributes of a request, by number.
type names struct {
	all    []name
	number map[string]uint16
	// placed are the numbers of the names that the span before had, in order, and one more. Most spans of a request come from the same code.
	placed [maxPlaces]uint16
}

type name struct {
	name  string
	class stamp.Class
}

// at is the number of the name at place i; false when there are too many.
func (n *names) at(i int, text []byte) (uint16, bool) {
	if i < maxPlaces {
		if number := n.placed[i]; number > 0 && n.all[number-1].name == string(text) {
			return number - 1, true
		}
	}
	number, ok := n.number[string(text)]
	if !ok {
		if len(n.all) == maxNames {
			return 0, false
		}
		if n.number == nil {
			n.number = make(map[string]uint16)
		}
		number = uint16(len(n.all))
		one := string(text)
		n.all = append(n.all, name{one, stamp.ClassOf(one)})
		n.number[one] = number
	}
	if i < maxPlaces {
		n.placed[i] = number + 1
	}
	return number, true
}
