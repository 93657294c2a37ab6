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

// rowReader reads rows of usage_counts.
type rowReader struct {
	stored   sink      // takes what is in the rows
	together *together // takes what they add to the rows of all keys together; nil: nothing
	cells    int64     // of single keys
	last     map[watched]int64
	places   []cell
	share    share
}

// row reads the columns of countsColumns.
func (r *rowReader) row(f [][]byte) error {
	p := period{key: int4Of(f[1], 0), grain: grain(int2Of(f[2])), vantage: usage.Vantage(int2Of(f[3])), bucket: microsOf(f[0])}
	var arrays [12]elements // from dimension on
	for i := range arrays {
		var err error
		if arrays[i], err = elementsOf(f[4+i]); err != nil {
			return err
		}
	}
	if err := r.figures(p, &arrays); err != nil {
		return err
	}
	for latency := &arrays[10]; latency.more(); {
		l := int32(latency.int4())
		slot, n := int(l>>latencyBucketShift)&(1<<(latencyCellShift-latencyBucketShift)-1), int64(l&maxLatencyCount)
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
		r.stored.see(p, seen.int8())
	}
	if p.key >= nobody {
		r.cells += int64(len(r.places))
		if at := (watched{p.key, p.vantage}); p.grain == grainQuarter && r.last != nil {
			if last, ok := r.last[at]; !ok || last < p.bucket {
				r.last[at] = p.bucket
			}
		}
	}
	return nil
}

func (r *rowReader) figures(p period, arrays *[12]elements) (err error) {
	r.places = r.places[:0]
	s := &r.share
	for arrays[0].more() {
		*s = share{cell: cell{int16Of(arrays[0].next()), int32(arrays[1].int4())}}
		s.n = [shareFigures]int64{
			shareCount: arrays[2].int4(), shareErrors: arrays[3].int4(), sharePayments: arrays[4].int4(), shareAgents: arrays[5].int4(),
			shareServices: arrays[6].int4(), shareDuration: arrays[7].int8(),
		}
		if s.volume, err = numberOf(arrays[8].next()); err != nil {
			return err
		}
		if s.fees, err = numberOf(arrays[9].next()); err != nil {
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

func int16Of(field []byte) int16 {
	if field == nil {
		return -1
	}
	return int2Of(field)
}
