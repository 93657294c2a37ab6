package history

import (
	"fmt"
	"time"
)

// statistics compares each cell with a recount of the rows, and each key's sums with all its rows: a sum that is too
// high means that something was counted twice, equal sums over different cells that it was counted at another time.
func (c *checker) statistics() {
	want := c.recount()
	got := map[CellID]Sums{}
	for _, cell := range c.observed.Statistics {
		cell.Bucket = cell.Bucket.UTC()
		if _, twice := got[cell.CellID]; twice {
			c.found(Finding{Class: Miscounted, Key: cell.Key, Time: cell.Bucket, N: 1, Detail: fmt.Sprintf("%s has two rows", cell.CellID)})
		}
		got[cell.CellID] = got[cell.CellID].plus(cell.Sums)
	}
	for id, sums := range want {
		if got[id] != sums {
			c.differs(id, got[id], sums)
		}
	}
	for id, sums := range got {
		if _, known := want[id]; !known && sums != (Sums{}) {
			c.differs(id, sums, Sums{})
		}
	}
	c.compareCounts(countBuckets(want), countBuckets(got))
}

func (c *checker) differs(id CellID, got, want Sums) {
	c.found(Finding{Class: Miscounted, Key: id.Key, Time: id.Bucket, N: 1, Detail: fmt.Sprintf("%s holds %+v, a recount gives %+v", id, got, want)})
}

// family is a dimension of a key, all values together.
type family struct {
	key, vantage string
	dimension    Dimension
}

func countBuckets(cells map[CellID]Sums) map[family]map[time.Time]int64 {
	counts := map[family]map[time.Time]int64{}
	for id, sums := range cells {
		f := family{id.Key, id.Vantage, id.Dimension}
		if counts[f] == nil {
			counts[f] = map[time.Time]int64{}
		}
		counts[f][id.Bucket] += sums.Count
	}
	return counts
}

// compareCounts says what became of a count that is not where it should be.
func (c *checker) compareCounts(want, got map[family]map[time.Time]int64) {
	for f, buckets := range got {
		var excess, moved int64
		for bucket, n := range buckets {
			more := n - want[f][bucket]
			excess += more
			moved += max(more, 0)
		}
		for bucket, n := range want[f] {
			if _, there := buckets[bucket]; !there {
				excess -= n
			}
		}
		switch {
		case excess > 0:
			c.found(Finding{Class: Doubled, Key: f.key, N: excess, Detail: fmt.Sprintf("%s of %s count %d more than there are", f.dimension, f.key, excess)})
		case excess == 0 && moved > 0:
			c.found(Finding{Class: Late, Key: f.key, N: moved, Detail: fmt.Sprintf("%s of %s count %d in another bucket", f.dimension, f.key, moved)})
		}
	}
}

func (id CellID) String() string {
	return fmt.Sprintf("%s %s %s %s %q", id.Key, id.Vantage, id.Bucket.Format(time.RFC3339), id.Dimension, id.Value)
}

// recount works the statistics out from the rows.
func (c *checker) recount() map[CellID]Sums {
	cells := map[CellID]Sums{}
	for i := range c.observed.Rows {
		row := &c.observed.Rows[i]
		add := func(d Dimension, value string, s Sums) {
			id := CellID{row.Key, row.Vantage, row.Time.UTC().Truncate(c.options.BucketWidth), d, value}
			cells[id] = cells[id].plus(s)
		}
		if row.Name != "" {
			add(ByName, row.Name, Sums{Count: 1})
			continue
		}
		request := Sums{Count: 1, DurationMicros: row.DurationMicros}
		if row.Failed {
			request.Errors = 1
		}
		add(Total, "", request)
		add(ByEndpoint, row.Endpoint, request)
		if row.Currency != "" {
			add(ByCurrency, row.Currency, Sums{Count: 1, AmountMicros: row.AmountMicros})
		}
	}
	return cells
}

func (s Sums) plus(o Sums) Sums {
	return Sums{s.Count + o.Count, s.Errors + o.Errors, s.DurationMicros + o.DurationMicros, s.AmountMicros + o.AmountMicros}
}
