package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/maypok86/otter/v2"
)

// nobody is the key of what belongs to no registered key.
const nobody int32 = 0

// keySeqs turns public ids of keys into api_keys.seq, which never changes.
type keySeqs struct {
	pool  *pgxpool.Pool
	known *otter.Cache[string, int32]
}

func newKeySeqs(pool *pgxpool.Pool) *keySeqs {
	return &keySeqs{pool: pool, known: otter.Must(&otter.Options[string, int32]{MaximumSize: 200_000, Executor: inline})}
}

// find resolves ids; an unknown or empty id is not in the answer, and so reads as nobody.
func (k *keySeqs) find(ctx context.Context, ids map[string]int32) error {
	var missing []string
	for id := range ids {
		if id == "" {
			continue
		}
		if seq, ok := k.known.GetIfPresent(id); ok {
			ids[id] = seq
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := k.pool.Query(ctx, `SELECT id, seq FROM api_keys WHERE id = ANY ($1)`, missing)
	if err != nil {
		return err
	}
	var id string
	var seq int32
	_, err = pgx.ForEachRow(rows, []any{&id, &seq}, func() error {
		ids[id] = seq
		k.known.Set(strings.Clone(id), seq)
		return nil
	})
	return err
}
