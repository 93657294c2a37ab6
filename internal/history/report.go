package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Class is a way in which a store breaks its promise.
type Class string

// Classes of findings.
const (
	Lost       Class = "lost"       // acknowledged and not stored
	Doubled    Class = "doubled"    // stored twice, or counted twice
	Forged     Class = "forged"     // stored and never sent, refused for good, or stored as something else
	Late       Class = "late"       // stored or counted at another time than its own
	Miscounted Class = "miscounted" // a row of statistics that a recount does not confirm
	Unbalanced Class = "unbalanced" // a ledger that does not add up
)

// Classes in the order of a report.
var Classes = []Class{Lost, Doubled, Forged, Late, Miscounted, Unbalanced}

// Finding is one broken promise.
type Finding struct {
	Class  Class     `json:"class"`
	Event  string    `json:"event,omitempty"`
	Key    string    `json:"key,omitempty"`
	Time   time.Time `json:"time,omitzero"`
	N      int64     `json:"n"` // events concerned; rows of statistics for Miscounted
	Detail string    `json:"detail"`
}

const maxFindings = 20

// Report is the result of a check.
type Report struct {
	Attempts, Events, Acknowledged, Present int
	Found                                   map[Class]int64
	// Findings are examples, at most maxFindings of a class.
	Findings []Finding
}

// OK is true when nothing was found.
func (r Report) OK() bool { return len(r.Found) == 0 }

func (c *checker) found(f Finding) {
	c.report.Found[f.Class] += f.N
	c.report.Findings = append(c.report.Findings, f)
}

// settle puts findings in order, so that a replay gives the same report, and keeps some of each class.
func (r *Report) settle() {
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(Classes, a.Class), slices.Index(Classes, b.Class)),
			a.Time.Compare(b.Time), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Detail, b.Detail))
	})
	kept := map[Class]int{}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		kept[f.Class]++
		return kept[f.Class] > maxFindings
	})
}

// String is the figures on one line, then what was found.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "events %d, attempts %d, acknowledged %d, stored %d:", r.Events, r.Attempts, r.Acknowledged, r.Present)
	for _, class := range Classes {
		fmt.Fprintf(&b, " %s %d", class, r.Found[class])
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n  %s %s: %s", f.Class, f.Event, f.Detail)
	}
	return b.String()
}
