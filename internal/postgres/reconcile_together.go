package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// gatherer says what the rows of single keys add to those of all users' keys together. Whether the single ones are right is
// compared with the events; what a value was counted under follows from what was admitted.
type gatherer struct {
	counted  sink
	holders  map[int32]holder // by key; of users' keys only
	admitted admitted
	addition addition
}

// everyHolder finds the holders of all users' keys.
func everyHolder(ctx context.Context, tx pgx.Tx) (map[int32]holder, error) {
	const find = `
		SELECT seq, CASE WHEN environment = 'live' THEN -1 ELSE -2 END, coalesce(organization, 0)
		FROM api_keys WHERE user_seq IS NOT NULL`
	rows, err := tx.Query(ctx, find)
	if err != nil {
		return nil, err
	}
	holders := map[int32]holder{}
	var h holder
	_, err = pgx.ForEachRow(rows, []any{&h.seq, &h.everybody, &h.organization}, func() error {
		holders[h.seq] = h
		return nil
	})
	return holders, err
}

// admittedTogether is what all keys together have admitted.
func admittedTogether(ctx context.Context, tx pgx.Tx, from, to time.Time) (admitted, error) {
	view := admitted{}
	return view, view.collect(ctx, tx, `SELECT key, day, admitted FROM admissions WHERE key < 0 AND day >= $1 AND day < $2`, from, to)
}

// periods are those that a row of a single key adds to.
func (t *gatherer) periods(p period) (quarter, day period, h holder, ok bool) {
	if p.key <= nobody || p.grain != grainQuarter {
		return quarter, day, h, false
	}
	h, ok = t.holders[p.key]
	quarter, day = p, p
	quarter.key, day.key = h.everybody, h.everybody
	day.grain, day.bucket = grainDay, int64(dayOf(p.bucket))*dayMicros
	return quarter, day, h, ok
}

func (t *gatherer) add(p period, of *addition) {
	quarter, day, h, ok := t.periods(p)
	if !ok {
		return
	}
	s := &t.addition
	*s = *of
	switch of.dimension {
	case dimensionTotal, dimensionPayments, dimensionClaimed:
	case dimensionSDK, dimensionCountry:
		s.value = t.admitted.together(h.everybody, dayOf(p.bucket), of.value)
	default:
		return
	}
	t.counted.add(quarter, s)
	t.counted.add(day, s)
	if of.dimension == dimensionTotal {
		*s = addition{cell: cell{dimensionOrganization, h.organization}}
		for _, figure := range [...]int{shareCount, shareErrors, sharePayments} {
			s.n[figure] = of.n[figure]
		}
		t.counted.add(quarter, s)
		t.counted.add(day, s)
	}
}

func (t *gatherer) addLatency(p period, slot int, n int64) {
	if quarter, day, _, ok := t.periods(p); ok {
		t.counted.addLatency(quarter, cell{}, slot, n)
		t.counted.addLatency(day, cell{}, slot, n)
	}
}
