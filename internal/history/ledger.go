package history

import "fmt"

// ledger checks that what it calls stored is what is there, that it knows of each acknowledged attempt, and, when
// nothing was killed, that it knows of no more than were made.
func (c *checker) ledger() {
	stored, rejected, all := map[string]int64{}, map[string]int64{}, map[receipt]int64{}
	for _, l := range c.observed.Ledger {
		all[receipt{l.Reporter, hour(l.Hour)}] += l.Count
		switch l.Outcome {
		case Stored:
			stored[l.Reporter] += l.Count
		case Repeated:
		default:
			rejected[l.Reporter] += l.Count
		}
	}
	present := map[string]int64{}
	for i := range c.observed.Rows {
		if f := c.history.fates[c.observed.Rows[i].ID]; f != nil {
			present[f.Reporter]++
		}
	}
	refusable := map[string]tally{} // attempts with events that must be rejected
	for _, f := range c.history.fates {
		t := refusable[f.Reporter]
		if f.Invalid {
			t.sure += int64(f.ok)
			t.possible += int64(f.ok + f.unknown)
		}
		refusable[f.Reporter] = t
	}

	for reporter, t := range refusable {
		c.balance(reporter+" stored", stored[reporter], present[reporter], present[reporter])
		c.balance(reporter+" rejected", rejected[reporter], t.sure, c.most(t.possible))
	}
	for r, t := range c.history.receipts {
		c.balance(fmt.Sprintf("%s all of %s", r.reporter, r.hour.Format("2006-01-02 15h")), all[r], t.sure, c.most(t.possible))
	}
	for r, n := range all {
		if c.history.receipts[r] == nil && n != 0 {
			c.balance(fmt.Sprintf("%s all of %s", r.reporter, r.hour.Format("2006-01-02 15h")), n, 0, 0)
		}
	}
}

// most is the upper bound of a count that a lost answer of the database can raise without end.
func (c *checker) most(calm int64) int64 {
	if c.options.Calm {
		return calm
	}
	return 1<<63 - 1
}

func (c *checker) balance(what string, got, least, most int64) {
	switch {
	case got < least:
		c.found(Finding{Class: Unbalanced, N: least - got, Detail: fmt.Sprintf("%s: the ledger says %d, at least %d are known", what, got, least)})
	case got > most:
		c.found(Finding{Class: Unbalanced, N: got - most, Detail: fmt.Sprintf("%s: the ledger says %d, at most %d are known", what, got, most)})
	}
}
