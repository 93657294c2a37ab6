package apikeyprocessor

import "github.com/disco-platform/mirrorball/internal/stamp"

// maxNames is how many places of [names] are kept. Records with more attributes are rare.
const maxNames = 64

// names are the names that the record before had, in order. Most records of a request come from the same code, so a name
// stands where it stood before, and to compare it is cheaper than to look at it anew.
type names [maxNames]struct {
	name  string
	class stamp.Class
}

// classify is [stamp.ClassOf] for the name at place i.
func (n *names) classify(i int, name string) stamp.Class {
	if i >= maxNames {
		return stamp.ClassOf(name)
	}
	if n[i].name != name {
		n[i].name, n[i].class = name, stamp.ClassOf(name)
	}
	return n[i].class
}
