package history

import "fmt"

// ledger checks that what it calls stored is what is there, that it knows of each acknowledged attempt, and, when
// nothing was killed, that it knows of no more than were made.
func (c *checker) ledger() {
	stored, rejected, all := map[string]int64{}, map[string]int64{}, map[receipt]int64{}
	for _, l := range c.observed.Ledger {
		all[receipt{l.Key, hour(l.Hour)}] += l.Count
		switch l.Outcome {
		case Stored:
			stored[l.Key] += l.Count
		case Repeated:
		default:
			rejected[l.Key] += l.Count
		}
	}
	present := map[string]int64{}
	for i := range c.observed.Rows {
		if f := c.history.fates[c.observed.Rows[i].ID]; f != nil {
			present[f.LedgerKey]++
		}
	}
	refusable := map[string]tally{} // attempts with events that must be rejected
	for _, f := range c.history.fates {
		t := refusable[f.LedgerKey]
		if f.Invalid {
			t.sure += int64(f.ok)
			t.possible += int64(f.ok + f.unknown)
		}
		refusable[f.LedgerKey] = t
	}

	for key, t := range refusable {
		c.balance(key+" stored", stored[key], present[key], present[key])
		c.balance(key+" rejected", rejected[key], t.sure, c.most(t.possible))
	}
	for r, t := range c.history.receipts {
		c.balance(fmt.Sprintf("%s all of %s", r.key, r.hour.Format("2006-01-02 15h")), all[r], t.sure, c.most(t.possible))
	}
	for r, n := range all {
		if c.history.receipts[r] == nil && n != 0 {
			c.balance(fmt.Sprintf("%s all of %s", r.key, r.hour.Format("2006-01-02 15h")), n, 0, c.most(0))
		}
	}
}

// most is the upper bound of a count: a lost answer of the database raises it by as often as a collector tries again,
// and may move it into the next hour.
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
