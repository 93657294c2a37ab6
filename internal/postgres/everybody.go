package postgres

// together adds to the statistics what all users' keys of an environment did together, by quarter of an hour and by day:
// the platform's answers then need to read no row of a single key.
func (s statistics) together(holders map[int32]holder, counted func(everybody int32, day int32, value int32) int32) {
	quarters := statistics{}
	for p, t := range s {
		o := holders[p.key]
		if p.key <= nobody || o.everybody == nobody {
			continue
		}
		day := dayOf(p.bucket)
		quarters.at(period{o.everybody, grainQuarter, p.vantage, p.bucket}).gather(t, o, func(v int32) int32 { return counted(o.everybody, day, v) })
	}
	for p, t := range quarters {
		s[p] = t
		s.at(period{p.key, grainDay, p.vantage, int64(dayOf(p.bucket)) * dayMicros}).absorb(t)
	}
}

// gather adds what one key did in a period: totals, with the latencies of all endpoints, SDKs, countries, money, and its
// organisation's share.
func (t *tally) gather(of *tally, o holder, value func(int32) int32) {
	for i := range of.cells {
		f := &of.cells[i]
		switch f.dimension {
		case dimensionTotal:
			t.figures(f.cell).merge(f)
			share := t.figures(cell{dimensionOrganization, o.organization})
			share.count += f.count
			share.errors += f.errors
			share.payments += f.payments
		case dimensionEndpoint:
			t.figures(cell{dimensionTotal, 0}).latency.Merge(f.latency)
		case dimensionSDK, dimensionCountry:
			t.figures(cell{f.dimension, value(f.value)}).merge(f)
		case dimensionPayments, dimensionClaimed:
			t.figures(f.cell).merge(f)
		}
	}
}
