package postgres

import (
	"context"
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

// grow locks the allowances in the order of their key and admits what they have room for.
func (a *admissions) grow(ctx context.Context, tx pgx.Tx, view admitted, missing asked) error {
	const lock = `
		INSERT INTO admissions AS a (key, day, admitted)
		SELECT *, '{}'::int[] FROM unnest($1::int[], $2::date[])
		ON CONFLICT (key, day) DO UPDATE SET admitted = a.admitted
		RETURNING key, day, admitted`
	keys, days := columns(missing)
	if err := view.collect(ctx, tx, lock, keys, days); err != nil {
		return err
	}
	grown := asked{}
	for at, more := range missing {
		for d, ids := range more {
			for _, id := range ids {
				known := view[at]
				if !known.has(domain(d), id) && known.len(domain(d)) < a.limit {
					known.insert(domain(d), id)
					grown.add(at, domain(d), id)
				}
			}
		}
	}
	return grown.write(ctx, tx)
}

// write appends to allowances that are locked. Arrays of one statement differ in length, so they travel flat, with the
// allowance beside each number.
func (a asked) write(ctx context.Context, tx pgx.Tx) error {
	const extend = `
		UPDATE admissions a SET admitted = a.admitted || more.numbers
		FROM (
			SELECT key, day, array_agg(number ORDER BY place) AS numbers
			FROM unnest($1::int[], $2::date[], $3::int[]) WITH ORDINALITY AS n (key, day, number, place)
			GROUP BY key, day
		) AS more
		WHERE (a.key, a.day) = (more.key, more.day)`
	var keys, numbers []int32
	var days []time.Time
	for at, more := range a {
		for _, number := range flat(more) {
			keys, days, numbers = append(keys, at.key), append(days, at.date()), append(numbers, number)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, extend, keys, days, numbers)
	return err
}

// flat is the form of admissions.admitted: the ids of a domain after the negated number of the domain.
func flat(more *[domainEnd][]int32) []int32 {
	var numbers []int32
	for d, ids := range more {
		if len(ids) > 0 {
			numbers = append(append(numbers, -int32(d)), ids...)
		}
	}
	return numbers
}

// parse reads any number of flat values one after the other.
func parse(numbers []int32) *values {
	var lists [domainEnd][]int32
	d := domain(0)
	for _, n := range numbers {
		switch {
		case n < 0:
			d = domain(-n)
		case d > 0 && d < domainEnd:
			lists[d] = append(lists[d], n)
		}
	}
	v := &values{ids: make([]int32, 0, len(numbers))}
	for d, ids := range lists {
		slices.Sort(ids)
		v.ids = append(v.ids, ids...)
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
