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

// extend admits what there is room for: at once where an allowance has no row yet, which most have not that miss something.
func (a *admissions) extend(ctx context.Context, tx pgx.Tx, view admitted, missing asked) error {
	fresh := asked{}
	for at, more := range missing {
		if view[at] == nil {
			fresh[at] = a.atMost(more)
		}
	}
	if err := view.plant(ctx, tx, fresh); err != nil {
		return err
	}
	for at := range fresh {
		if view[at] != nil { // nobody was faster
			delete(missing, at)
		}
	}
	return a.grow(ctx, tx, view, missing)
}

// atMost is what a day begins with.
func (a *admissions) atMost(more []askedValue) []askedValue {
	if len(more) <= a.limit {
		return more
	}
	var n [domainEnd]int
	var cut []askedValue
	for _, v := range more {
		if n[v.domain]++; n[v.domain] <= a.limit {
			cut = append(cut, v)
		}
	}
	return cut
}

// plant makes rows that are not there yet.
func (v admitted) plant(ctx context.Context, tx pgx.Tx, fresh asked) error {
	const insert = `
		INSERT INTO admissions (key, day, admitted)
		SELECT key, day, ($5::int[])[first:last] FROM unnest($1::int[], $2::date[], $3::int[], $4::int[]) AS n (key, day, first, last)
		ON CONFLICT (key, day) DO NOTHING
		RETURNING key, day, admitted`
	if len(fresh) == 0 {
		return nil
	}
	keys, days := columns(fresh)
	from, to, numbers := fresh.flat(keys, days)
	return v.collect(ctx, tx, insert, keys, days, from, to, numbers)
}

// grow locks the allowances in the order of their key and admits what they have room for.
func (a *admissions) grow(ctx context.Context, tx pgx.Tx, view admitted, missing asked) error {
	const lock = `
		INSERT INTO admissions AS a (key, day, admitted)
		SELECT *, '{}'::int[] FROM unnest($1::int[], $2::date[])
		ON CONFLICT (key, day) DO UPDATE SET admitted = a.admitted
		RETURNING key, day, admitted`
	if len(missing) == 0 {
		return nil
	}
	keys, days := columns(missing)
	if err := view.collect(ctx, tx, lock, keys, days); err != nil {
		return err
	}
	grown := asked{}
	for at, more := range missing {
		known := view[at]
		for _, v := range more {
			if !known.has(v.domain, v.id) && known.len(v.domain) < a.limit {
				known.insert(v.domain, v.id)
				grown[at] = append(grown[at], v)
			}
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
