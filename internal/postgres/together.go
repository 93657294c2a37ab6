package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// together sums up what all users' keys did: to take the rows apart here is far faster than to have Postgres make a row of
// each cell.
type together struct {
	counted       usage.Vantage
	total         sum
	latency       usage.Latency
	cells         cellSums
	organizations shares
}

func newTogether(counted usage.Vantage) *together {
	return &together{counted: counted, cells: cellSums{}, organizations: shares{pages: map[int32]*page{}}}
}

// addRows reads the result of platformRows, whose columns are in binary form.
func (t *together) addRows(rows pgx.Rows) error {
	return eachRow(rows, t.addRow)
}

func (t *together) addRow(r *rowReader) error {
	seen := usage.Vantage(r.int2()) == t.counted
	none := usage.Vantage(r.last) == usage.VantageNone
	dimensions, values, counts := r.array(), r.array(), r.array()
	errors, payments, durations, volumes, fees, latencies := r.array(), r.array(), r.array(), r.array(), r.array(), r.array()
	for dimensions.more() {
		c := cell{int16(dimensions.int()), int32(values.int())}
		s := sum{counts: analytics.Counts{Requests: counts.int(), Errors: errors.int()}, payments: payments.int(), durationMicros: durations.int()}
		volume, fee := volumes.element(), fees.element()
		switch {
		case c.dimension == dimensionClaimed || c.dimension == dimensionPayments && (seen || none):
			if err := t.at(c).pay(s.counts.Requests, volume, fee); err != nil {
				return err
			}
			continue
		case !seen && !none:
			continue
		case none:
			s.counts, s.durationMicros = analytics.Counts{}, 0 // no requests
		}
		t.at(c).add(&s)
	}
	for latencies.more() {
		l := latencies.int()
		t.latency.Merge(usage.Latency{{Bucket: int(l >> latencyBucketShift & latencyBucketMask), Count: uint64(l & maxLatencyCount)}})
	}
	return r.err
}

func (t *together) at(c cell) *sum {
	if c.dimension == dimensionTotal {
		return &t.total
	}
	return t.cells.at(c)
}
