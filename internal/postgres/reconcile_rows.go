package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// rowsIn is the statement that reads statistics of a span of time; more narrows it further.
func rowsIn(from, to time.Time, more string) string {
	return fmt.Sprintf(`COPY (SELECT %s FROM usage_counts WHERE bucket >= '%s' AND bucket < '%s' %s) TO STDOUT (FORMAT binary)`,
		strings.Join(countsColumns, ", "), from.Format(time.RFC3339), to.Format(time.RFC3339), more)
}

// countsReader reads rows of usage_counts.
type countsReader struct {
	stored   sink      // takes what is in the rows
	together *gatherer // takes what they add to the rows of all keys together; nil: nothing
	cells    int64     // of single keys
	last     map[watched]int64
	places   []cell
	addition addition
}

// row reads the columns of countsColumns.
func (r *countsReader) row(f [][]byte) error {
	p := period{key: int4Of(f[1], 0), grain: grain(int2Of(f[2])), vantage: usage.Vantage(int2Of(f[3])), bucket: microsOf(f[0])}
	columns := rowReader{columns: f[4:]}
	var arrays [12]arrayReader // from dimension on
	for i := range arrays {
		arrays[i] = columns.array()
	}
	if err := r.figures(p, &arrays); err != nil {
		return err
	}
	for latency := &arrays[10]; latency.more(); {
		l := int32(latency.int())
		slot, n := int(l>>latencyBucketShift)&latencyBucketMask, int64(l&maxLatencyCount)
		c := cell{-1, 0} // of no cell: it differs from every recount
		if i := int(l>>latencyCellShift) - 1; i >= 0 && i < len(r.places) {
			c = r.places[i]
		}
		r.stored.addLatency(p, c, slot, n)
		if r.together != nil && c.dimension == dimensionEndpoint {
			r.together.addLatency(p, slot, n)
		}
	}
	for seen := &arrays[11]; seen.more(); {
		r.stored.see(p, seen.int())
	}
	if err := r.shares(p, columns.next()); err != nil {
		return err
	}
	if p.key >= nobody {
		r.cells += int64(len(r.places))
		if at := (watched{p.key, p.vantage}); p.grain == grainQuarter && r.last != nil {
			if last, ok := r.last[at]; !ok || last < p.bucket {
				r.last[at] = p.bucket
			}
		}
	}
	return columns.err
}

func (r *countsReader) figures(p period, arrays *[12]arrayReader) (err error) {
	r.places = r.places[:0]
	s := &r.addition
	for arrays[0].more() {
		*s = addition{cell: cell{int16(arrays[0].int()), int32(arrays[1].int())}}
		s.n = [shareFigures]int64{
			shareCount: arrays[2].int(), shareErrors: arrays[3].int(), sharePayments: arrays[4].int(), shareAgents: arrays[5].int(),
			shareServices: arrays[6].int(), shareDuration: arrays[7].int(),
		}
		if s.volume, err = numberOf(arrays[8].element()); err != nil {
			return err
		}
		if s.fees, err = numberOf(arrays[9].element()); err != nil {
			return err
		}
		r.places = append(r.places, s.cell)
		r.stored.add(p, s)
		if r.together != nil {
			r.together.add(p, s)
		}
	}
	return nil
}

func (r *countsReader) shares(p period, shares []byte) error {
	s := &r.addition
	return eachShare(shares, func(organization int32, requests, errors, payments int64) {
		*s = addition{cell: cell{dimensionOrganization, organization}}
		s.n[shareCount], s.n[shareErrors], s.n[sharePayments] = requests, errors, payments
		r.stored.add(p, s)
	})
}
