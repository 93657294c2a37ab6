package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"
)

// capped are the domains in which a key may use a limited number of distinct values a day. Currencies are
// not among them: there are less than 200, and sums of money of two currencies cannot be added.
var capped = []domain{
	domainEndpoint, domainSDK, domainCountry, domainOperation, domainEventName, domainService,
	domainUserAgent, domainErrorType, domainClaim,
}

// allowance names the values of one key, UTC day and domain.
type allowance struct {
	key, day int32
	domain   domain
}

// admissions decide which values of a key are told apart on a day. What was admitted stays admitted, so a remembered
// list may be short of what others have admitted since, but is never wrong.
type admissions struct {
	limit int
	known *otter.Cache[allowance, []int32] // dictionary ids, ascending; not to be changed
}

// maxAdmissionIDs bounds the memory of the cache, at 4 bytes an id.
const maxAdmissionIDs = 8 << 20

func newAdmissions(limit int) *admissions {
	return &admissions{limit: limit, known: otter.Must(&otter.Options[allowance, []int32]{
		MaximumWeight: maxAdmissionIDs,
		Weigher:       func(_ allowance, ids []int32) uint32 { return uint32(len(ids)) + 32 }, // and what the cache itself takes
		Executor:      inline,
	})}
}

// admitted is what one transaction knows of allowances.
type admitted map[allowance][]int32

// admit decides under which values the records are counted. What it returns is to be remembered after COMMIT.
func (a *admissions) admit(ctx context.Context, tx pgx.Tx, records []*record) (admitted, error) {
	view := admitted{}
	asked := a.short(view, records, true)
	if len(asked) > 0 {
		if err := view.read(ctx, tx, asked); err != nil {
			return nil, err
		}
		if asked = a.short(view, records, false); len(asked) > 0 {
			if err := a.grow(ctx, tx, view, asked); err != nil {
				return nil, err
			}
		}
	}
	a.assign(view, records)
	return view, nil
}

// short lists the values that are neither admitted nor refused by what is known, in the order of the events.
func (a *admissions) short(view admitted, records []*record, cached bool) map[allowance][]int32 {
	asked := map[allowance][]int32{}
	eachDay(records, func(key, day int32, run []*record) {
		for _, d := range capped {
			at := allowance{key, day, d}
			known, ok := view[at]
			if !ok && cached {
				if known, ok = a.known.GetIfPresent(at); ok {
					view[at] = known
				}
			}
			if len(known) >= a.limit {
				continue
			}
			last := int32(0)
			for _, r := range run {
				id := r.ids[d]
				if id <= idUnknown || id == last {
					continue
				}
				last = id
				if _, found := slices.BinarySearch(known, id); !found && !slices.Contains(asked[at], id) {
					asked[at] = append(asked[at], id)
				}
			}
		}
	})
	return asked
}

func (a *admissions) assign(view admitted, records []*record) {
	eachDay(records, func(key, day int32, run []*record) {
		for _, r := range run {
			r.counted = r.ids
		}
		for _, d := range capped {
			known := view[allowance{key, day, d}]
			last, counted := int32(0), int32(0)
			for _, r := range run {
				id := r.ids[d]
				if id <= idUnknown {
					continue
				}
				if id != last {
					last, counted = id, idOther
					if _, found := slices.BinarySearch(known, id); found {
						counted = id
					}
				}
				r.counted[d] = counted
			}
		}
	})
}

// read looks allowances up without a lock.
func (v admitted) read(ctx context.Context, q querier, asked map[allowance][]int32) error {
	const read = `
		SELECT a.key, a.day, a.dimension, a.admitted
		FROM unnest($1::int[], $2::date[], $3::smallint[]) AS asked (key, day, dimension)
		JOIN admissions a USING (key, day, dimension)`
	keys, days, domains := columns(asked)
	return v.collect(ctx, q, read, keys, days, domains)
}

// grow locks the allowances in the order of their key and admits what they have room for.
func (a *admissions) grow(ctx context.Context, tx pgx.Tx, view admitted, asked map[allowance][]int32) error {
	const lock = `
		INSERT INTO admissions AS a (key, day, dimension, admitted)
		SELECT *, '{}'::int[] FROM unnest($1::int[], $2::date[], $3::smallint[])
		ON CONFLICT (key, day, dimension) DO UPDATE SET admitted = a.admitted
		RETURNING key, day, dimension, admitted`
	keys, days, domains := columns(asked)
	if err := view.collect(ctx, tx, lock, keys, days, domains); err != nil {
		return err
	}
	grown := admitted{}
	for at, ids := range asked {
		for _, id := range ids {
			place, found := slices.BinarySearch(view[at], id)
			if !found && len(view[at]) < a.limit {
				view[at] = slices.Insert(view[at], place, id)
				grown[at] = append(grown[at], id)
			}
		}
	}
	return grown.write(ctx, tx)
}

// write appends ids to allowances that are locked.
func (v admitted) write(ctx context.Context, tx pgx.Tx) error {
	const extend = `
		UPDATE admissions a SET admitted = a.admitted || new.ids
		FROM (
			SELECT key, day, dimension, array_agg(id) AS ids
			FROM unnest($1::int[], $2::date[], $3::smallint[], $4::int[]) AS n (key, day, dimension, id)
			GROUP BY key, day, dimension
		) AS new
		WHERE (a.key, a.day, a.dimension) = (new.key, new.day, new.dimension)`
	var keys, ids []int32
	var days []time.Time
	var domains []int16
	for at, more := range v {
		for _, id := range more {
			keys, days, domains, ids = append(keys, at.key), append(days, at.date()), append(domains, int16(at.domain)), append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, extend, keys, days, domains, ids)
	return err
}

func (v admitted) collect(ctx context.Context, q querier, sql string, args ...any) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var key int32
	var day time.Time
	var dimension int16
	var ids []int32
	_, err = pgx.ForEachRow(rows, []any{&key, &day, &dimension, &ids}, func() error {
		own := slices.Clone(ids)
		slices.Sort(own)
		v[allowance{key, dayOf(day.UnixMicro()), domain(dimension)}] = own
		return nil
	})
	return err
}

// columns are the allowances in the order of the primary key.
func columns(asked map[allowance][]int32) (keys []int32, days []time.Time, domains []int16) {
	sorted := make([]allowance, 0, len(asked))
	for at := range asked {
		sorted = append(sorted, at)
	}
	slices.SortFunc(sorted, allowance.compare)
	for _, at := range sorted {
		keys, days, domains = append(keys, at.key), append(days, at.date()), append(domains, int16(at.domain))
	}
	return keys, days, domains
}

func (at allowance) compare(o allowance) int {
	switch {
	case at.key != o.key:
		return int(at.key - o.key)
	case at.day != o.day:
		return int(at.day - o.day)
	}
	return int(at.domain - o.domain)
}

func (at allowance) date() time.Time { return time.Unix(int64(at.day)*86_400, 0).UTC() }

// remember keeps what a committed transaction knew.
func (a *admissions) remember(v admitted) {
	for at, ids := range v {
		a.known.Set(at, ids)
	}
}

// warm looks up allowances that are not remembered. What it reads is committed.
func (a *admissions) warm(ctx context.Context, q querier, asked map[allowance][]int32) error {
	for at := range asked {
		if _, ok := a.known.GetIfPresent(at); ok {
			delete(asked, at)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	view := admitted{}
	if err := view.read(ctx, q, asked); err != nil {
		return err
	}
	a.remember(view)
	return nil
}

// room is how many more values an allowance is known to have room for, at most.
func (a *admissions) room(at allowance) int {
	known, _ := a.known.GetIfPresent(at)
	return max(a.limit-len(known), 0)
}
