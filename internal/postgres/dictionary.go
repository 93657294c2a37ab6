package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/maypok86/otter/v2"
)

// term is one distinct string of a domain.
type term struct {
	domain domain
	value  string
}

func (t term) compare(o term) int {
	if t.domain != o.domain {
		return int(t.domain) - int(o.domain)
	}
	return strings.Compare(t.value, o.value)
}

// dictionary turns strings into the ids that events carry. An id is remembered only once its row is committed,
// and rows are never deleted, so an id that was handed out never dangles.
type dictionary struct {
	pool  *pgxpool.Pool
	known *otter.Cache[term, int32]
}

// maxDictionaryBytes bounds the memory of the cache. A term that is not remembered costs a part of one SELECT to a batch.
const maxDictionaryBytes = 64 << 20

func newDictionary(pool *pgxpool.Pool) *dictionary {
	return &dictionary{pool: pool, known: otter.Must(&otter.Options[term, int32]{
		MaximumWeight: maxDictionaryBytes,
		Weigher:       func(t term, _ int32) uint32 { return uint32(len(t.value)) + 128 }, // and what the cache itself takes
		Executor:      inline,
	})}
}

// inline does the upkeep of a cache, which takes microseconds, without a goroutine.
func inline(fn func()) { fn() }

// find returns the ids of the terms that have one.
func (d *dictionary) find(ctx context.Context, terms []term) (map[term]int32, error) {
	const find = `
		SELECT d.domain, d.value, d.id
		FROM unnest($1::smallint[], $2::text[]) AS wanted (domain, value)
		JOIN dictionary d USING (domain, value)`
	domains, values := split(terms)
	return d.query(ctx, d.pool, find, domains, values)
}

// insert gives ids to terms in a transaction of its own. ON CONFLICT covers another process that inserts the same terms
// meanwhile; it burns numbers of the sequence then, which is why find comes first.
func (d *dictionary) insert(ctx context.Context, terms []term) (map[term]int32, error) {
	const insert = `
		INSERT INTO dictionary (domain, value)
		SELECT * FROM unnest($1::smallint[], $2::text[])
		ON CONFLICT (domain, value) DO UPDATE SET value = excluded.value
		RETURNING domain, value, id`
	slices.SortFunc(terms, term.compare) // the same order in every process: no deadlock
	var ids map[term]int32
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		domains, values := split(terms)
		var err error
		ids, err = d.query(ctx, tx, insert, domains, values)
		return err
	})
	return ids, err
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (d *dictionary) query(ctx context.Context, q querier, sql string, domains []int16, values []string) (map[term]int32, error) {
	rows, err := q.Query(ctx, sql, domains, values)
	if err != nil {
		return nil, err
	}
	ids := make(map[term]int32, len(values))
	var t term
	var id int32
	_, err = pgx.ForEachRow(rows, []any{&t.domain, &t.value, &id}, func() error {
		ids[t] = id
		return nil
	})
	return ids, err
}

func (d *dictionary) remember(ids map[term]int32) {
	for t, id := range ids {
		d.known.Set(term{t.domain, strings.Clone(t.value)}, id) // the value may be part of a larger string
	}
}

func split(terms []term) (domains []int16, values []string) {
	for _, t := range terms {
		domains = append(domains, int16(t.domain))
		values = append(values, t.value)
	}
	return domains, values
}
