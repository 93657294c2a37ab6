package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// read looks allowances up without a lock.
func (v admitted) read(ctx context.Context, q querier, wanted asked) error {
	const read = `
		SELECT a.key, a.day, a.admitted
		FROM unnest($1::int[], $2::date[]) AS wanted (key, day)
		JOIN admissions a USING (key, day)`
	keys, days := columns(wanted)
	return v.collect(ctx, q, read, keys, days)
}

// errOutrun says that others have admitted values meanwhile that leave no room for what was decided. Decided anew, with
// what they have committed, it holds.
var errOutrun = errors.New("others were faster to use an allowance up")

// keep writes what was decided. It is the last thing but one that a transaction does: two deliveries that have a key in
// common, as most have, wait for each other from here on.
func (c *decision) keep(ctx context.Context, tx pgx.Tx, limit int) error {
	if len(c.wanted) == 0 {
		return nil
	}
	if err := c.plant(ctx, tx); err != nil {
		return err
	}
	return c.grow(ctx, tx, limit)
}

// plant makes the rows that are not there yet, which most are not that miss something. What remains wanted has a row.
func (c *decision) plant(ctx context.Context, tx pgx.Tx) error {
	const insert = `
		INSERT INTO admissions (key, day, admitted)
		SELECT key, day, ($5::int[])[first:last] FROM unnest($1::int[], $2::date[], $3::int[], $4::int[]) AS n (key, day, first, last)
		ON CONFLICT (key, day) DO NOTHING
		RETURNING key, day`
	keys, days := columns(c.wanted)
	from, to, numbers := c.wanted.flat(keys, days)
	rows, err := tx.Query(ctx, insert, keys, days, from, to, numbers)
	if err != nil {
		return err
	}
	var key int32
	var day time.Time
	_, err = pgx.ForEachRow(rows, []any{&key, &day}, func() error {
		delete(c.wanted, allowance{key, dayOf(day.UnixMicro())})
		return nil
	})
	return err
}

// grow locks rows in the order of their key and appends to them what there is still room for, which has to be all.
func (c *decision) grow(ctx context.Context, tx pgx.Tx, limit int) error {
	const lock = `
		SELECT a.key, a.day, a.admitted
		FROM unnest($1::int[], $2::date[]) AS wanted (key, day)
		JOIN admissions a USING (key, day)
		ORDER BY a.key, a.day
		FOR NO KEY UPDATE OF a`
	if len(c.wanted) == 0 {
		return nil
	}
	keys, days := columns(c.wanted)
	held := admitted{}
	if err := held.collect(ctx, tx, lock, keys, days); err != nil {
		return err
	}
	grown := asked{}
	for at, more := range c.wanted {
		known, added := held[at].with(more, limit)
		if held[at] == nil || !known.hasAll(more) {
			return errOutrun
		}
		c.view[at] = known
		if len(added) > 0 {
			grown[at] = added
		}
	}
	return grown.write(ctx, tx)
}

// write appends to allowances that are locked.
func (a asked) write(ctx context.Context, tx pgx.Tx) error {
	const extend = `
		UPDATE admissions a SET admitted = a.admitted || ($5::int[])[more.first:more.last]
		FROM unnest($1::int[], $2::date[], $3::int[], $4::int[]) AS more (key, day, first, last)
		WHERE (a.key, a.day) = (more.key, more.day)`
	if len(a) == 0 {
		return nil
	}
	keys, days := columns(a)
	from, to, numbers := a.flat(keys, days)
	_, err := tx.Exec(ctx, extend, keys, days, from, to, numbers)
	return err
}

// flat lays the numbers of allowances one after the other, since arrays of one statement differ in length. Those of the i-th
// are from[i] to to[i], counted from 1.
func (a asked) flat(keys []int32, days []time.Time) (from, to, numbers []int32) {
	for i, key := range keys {
		from = append(from, int32(len(numbers)+1))
		numbers = appendFlat(numbers, a[allowance{key, dayOf(days[i].UnixMicro())}])
		to = append(to, int32(len(numbers)))
	}
	return from, to, numbers
}

// appendFlat appends in the form of admissions.admitted: the ids of a domain after the negated number of the domain.
func appendFlat(numbers []int32, more []askedValue) []int32 {
	for d := domainEndpoint; d < domainEnd; d++ {
		first := true
		for _, v := range more {
			if v.domain != d {
				continue
			}
			if first {
				numbers, first = append(numbers, -int32(d)), false
			}
			numbers = append(numbers, v.id)
		}
	}
	return numbers
}

// parse reads any number of flat values one after the other.
func parse(numbers []int32) *values {
	v := &values{ids: make([]int32, 0, len(numbers))}
	for d := domainEndpoint; d < domainEnd; d++ {
		of := domain(0)
		for _, n := range numbers {
			if n < 0 {
				of = domain(-n)
			} else if of == d {
				v.ids = append(v.ids, n)
			}
		}
		slices.Sort(v.ids[v.ends[d-1]:])
		v.ends[d] = uint32(len(v.ids))
	}
	return v
}

func (v admitted) collect(ctx context.Context, q querier, sql string, args ...any) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var key int32
	var day time.Time
	var numbers []int32
	_, err = pgx.ForEachRow(rows, []any{&key, &day, &numbers}, func() error {
		v[allowance{key, dayOf(day.UnixMicro())}] = parse(numbers)
		return nil
	})
	return err
}

// columns are the allowances in the order of the primary key.
func columns(wanted asked) (keys []int32, days []time.Time) {
	sorted := make([]allowance, 0, len(wanted))
	for at := range wanted {
		sorted = append(sorted, at)
	}
	slices.SortFunc(sorted, allowance.compare)
	for _, at := range sorted {
		keys, days = append(keys, at.key), append(days, at.date())
	}
	return keys, days
}
