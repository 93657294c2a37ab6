package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"
)

// words are strings of the dictionary by their ids. Rows of it never change, so they are remembered.
type words struct {
	known *otter.Cache[int32, string]
}

// maxWordBytes bounds the memory of the cache.
const maxWordBytes = 4 << 20

func newWords() *words {
	return &words{known: otter.Must(&otter.Options[int32, string]{
		MaximumWeight: maxWordBytes,
		Weigher:       func(_ int32, s string) uint32 { return uint32(len(s)) + 96 }, // and what the cache itself takes
		Executor:      inline,
	})}
}

func (w *words) find(ctx context.Context, q querier, ids []int32) (map[int32]string, error) {
	found := make(map[int32]string, len(ids))
	var missing []int32
	for _, id := range ids {
		if s, ok := w.known.GetIfPresent(id); ok {
			found[id] = s
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	rows, err := q.Query(ctx, `SELECT id, value FROM dictionary WHERE id = ANY ($1)`, missing)
	if err != nil {
		return nil, err
	}
	var id int32
	var s string
	_, err = pgx.ForEachRow(rows, []any{&id, &s}, func() error {
		found[id] = s
		w.known.Set(id, s)
		return nil
	})
	return found, err
}
