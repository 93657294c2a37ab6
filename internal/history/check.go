package history

import (
	"fmt"
	"time"
)

// receiptSlack is how much earlier or later than its attempts an event without a time of its own may have been
// received: a collector may go on with a request that its sender has given up.
const receiptSlack = time.Minute

// Check compares a history with what the database holds. All attempts must have ended, and the store be at rest.
func Check(h *History, db Database, options Options) (Report, error) {
	observed, err := db.Observe()
	if err != nil {
		return Report{}, fmt.Errorf("cannot read what the database holds: %w", err)
	}
	return h.check(observed, options)
}

func (h *History) check(observed Observed, options Options) (Report, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &checker{history: h, observed: observed, options: options}
	c.report.Found = map[Class]int64{}
	c.events()
	c.statistics()
	c.ledger()
	c.report.settle()
	h.writeCheck(observed, options, c.report.Findings)
	return c.report, h.err
}

type checker struct {
	history  *History
	observed Observed
	options  Options
	report   Report
}

// events compares the rows with what was sent, one by one.
func (c *checker) events() {
	present := map[string]int{}
	for i := range c.observed.Rows {
		row := &c.observed.Rows[i]
		present[row.ID]++
		if present[row.ID] == 1 {
			c.row(row)
		}
	}
	c.report.Present = len(present)
	for id, n := range present {
		if n > 1 {
			c.found(Finding{Class: Doubled, Event: id, N: int64(n - 1), Detail: fmt.Sprintf("is stored %d times", n)})
		}
	}
	for id, f := range c.history.fates {
		c.report.Events++
		c.report.Attempts += f.ok + f.failed + f.unknown
		if f.ok > 0 && !f.Invalid {
			c.report.Acknowledged++
			if present[id] == 0 {
				c.found(f.finding(Lost, "was acknowledged and is not stored"))
			}
		}
	}
}

// row checks one stored event against the one that was sent.
func (c *checker) row(row *Row) {
	f := c.history.fates[row.ID]
	switch {
	case f == nil:
		c.found(Finding{Class: Forged, Event: row.ID, Key: row.Key, Time: row.Time, N: 1, Detail: "is stored and was never sent"})
	case f.Invalid:
		c.found(f.finding(Forged, "is stored and must not be taken"))
	case f.ok+f.unknown == 0:
		c.found(f.finding(Forged, "is stored and was refused each time"))
	case row.Key != f.Key || row.Vantage != f.Vantage:
		c.found(f.finding(Forged, fmt.Sprintf("is stored for %q seen from %q", row.Key, row.Vantage)))
	case !c.sameFacts(row.Facts, f.Facts):
		c.found(f.finding(Forged, fmt.Sprintf("is stored as %+v and was sent as %+v", row.Facts, f.Facts)))
	case !f.timeIs(row.Time):
		c.found(f.finding(Late, "is stored at "+row.Time.UTC().Format(time.RFC3339Nano)))
	}
}

func (c *checker) sameFacts(stored, sent Facts) bool {
	if c.options.Other != "" && stored.Endpoint == c.options.Other {
		sent.Endpoint = c.options.Other
	}
	return stored == sent
}

func (f *fate) timeIs(t time.Time) bool {
	if f.Time.IsZero() {
		return !t.Before(f.invoked.Add(-receiptSlack)) && !t.After(f.answered.Add(receiptSlack))
	}
	return t.Equal(f.Time)
}

func (f *fate) finding(class Class, detail string) Finding {
	return Finding{Class: class, Event: f.ID, Key: f.Key, Time: f.Time, N: 1,
		Detail: fmt.Sprintf("%s (%d attempts: %d ok, %d failed, %d unknown)", detail, f.ok+f.failed+f.unknown, f.ok, f.failed, f.unknown)}
}
