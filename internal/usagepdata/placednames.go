package usagepdata

// maxPlaces is how many places of [placedNames] are kept. Spans with more attributes are rare.
const maxPlaces = 64

// placedNames are the names that the span before had, in order, and which of them mean nothing. Most spans of a request come
// from the same code.
type placedNames [maxPlaces]placedName

type placedName struct {
	text    string
	ignored bool
}

// at is the name at place i.
func (n *placedNames) at(i int, name []byte) *placedName {
	if i >= maxPlaces {
		return &placedName{text: string(name)}
	}
	if n[i].text != string(name) {
		n[i] = placedName{text: string(name)}
	}
	return &n[i]
}
