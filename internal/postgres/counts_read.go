package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// countsFields are the columns of a row s of usage_counts as countsRow reads them.
const countsFields = `s.key, s.grain, s.vantage, s.bucket, s.dimension, s.value, s.count, s.errors, s.payments, s.agents, s.services,
	s.duration_us, s.volume::text[], s.fees::text[], s.latency, s.seen, s.shares`

// countsRow is a row of usage_counts. Arrays may end early, or be NULL.
type countsRow struct {
	period                            period
	bucket                            time.Time
	dimension                         []int16
	value, count                      []int32
	errors, payments, agents, created []int32
	duration                          []int64
	volume, fees                      []*string
	latency                           []int32
	seen                              []int64
	shares                            []byte
}

func (r *countsRow) places() []any {
	return []any{
		&r.period.key, &r.period.grain, &r.period.vantage, &r.bucket, &r.dimension, &r.value, &r.count, &r.errors, &r.payments,
		&r.agents, &r.created, &r.duration, &r.volume, &r.fees, &r.latency, &r.seen, &r.shares,
	}
}

// addRows adds rows with all columns of usage_counts.
func (s statistics) addRows(rows pgx.Rows) error {
	for rows.Next() {
		var r countsRow
		if err := rows.Scan(r.places()...); err != nil {
			rows.Close()
			return err
		}
		r.period.bucket = r.bucket.UnixMicro()
		if err := r.addTo(s.at(r.period)); err != nil {
			rows.Close()
			return err
		}
	}
	return rows.Err()
}

func (r *countsRow) addTo(t *tally) error {
	for i, dimension := range r.dimension {
		add := figures{
			count: int64(r.count[i]), errors: int64(at(r.errors, i)), payments: int64(at(r.payments, i)),
			agents: int64(at(r.agents, i)), services: int64(at(r.created, i)), durationMicros: at(r.duration, i),
		}
		volume, err := decimalOf(at(r.volume, i))
		if err != nil {
			return err
		}
		fees, err := decimalOf(at(r.fees, i))
		if err != nil {
			return err
		}
		add.volume, add.fees = amountOf(volume), amountOf(fees)
		t.figures(cell{dimension, r.value[i]}).merge(&add)
	}
	for _, l := range r.latency {
		i := int(l>>latencyCellShift) - 1
		t.figures(cell{r.dimension[i], r.value[i]}).latency.Merge(usage.Latency{{
			Bucket: int(l >> latencyBucketShift & latencyBucketMask), Count: uint64(l & maxLatencyCount),
		}})
	}
	for _, agent := range r.seen {
		t.seen[agent] = struct{}{}
	}
	return eachShare(r.shares, func(organization int32, requests, errors, payments int64) {
		t.figures(cell{dimensionOrganization, organization}).merge(&figures{count: requests, errors: errors, payments: payments})
	})
}

// at is the zero value beyond the end.
func at[T any](array []T, i int) (v T) {
	if i < len(array) {
		v = array[i]
	}
	return v
}

func decimalOf(text *string) (decimal.Decimal, error) {
	if text == nil {
		return decimal.Zero, nil
	}
	return decimal.NewFromString(*text)
}
