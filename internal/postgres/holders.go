package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/maypok86/otter/v2"
)

// Keys of the statistics that are not api_keys.seq.
const (
	nobody         int32 = 0 // what belongs to no registered key
	everyLiveKey   int32 = -1
	everySandboxed int32 = -2
)

// holder is what is counted for a key beside the key itself. None of it ever changes.
type holder struct {
	seq int32
	// everybody is the key under which all users' keys of the environment are counted together; nobody for a key that is
	// the platform's own.
	everybody    int32
	organization int32
}

// holders know the registered keys by their public ids.
type holders struct {
	pool  *pgxpool.Pool
	known *otter.Cache[string, holder]
}

func newHolders(pool *pgxpool.Pool) *holders {
	return &holders{pool: pool, known: otter.Must(&otter.Options[string, holder]{MaximumSize: 200_000, Executor: inline})}
}

const findHolders = `
SELECT id, seq, CASE WHEN user_seq IS NULL THEN 0 WHEN environment = 'live' THEN -1 ELSE -2 END, coalesce(organization, 0)
FROM api_keys WHERE id = ANY ($1)`

// find fills in the holders of ids; an unknown or empty id stays nobody's.
func (h *holders) find(ctx context.Context, ids keyIDs) error {
	var missing []string
	for id, to := range ids {
		if id == "" {
			continue
		}
		if known, ok := h.known.GetIfPresent(id); ok {
			*to = known
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := h.pool.Query(ctx, findHolders, missing)
	if err != nil {
		return err
	}
	var id string
	var found holder
	_, err = pgx.ForEachRow(rows, []any{&id, &found.seq, &found.everybody, &found.organization}, func() error {
		*ids[id] = found
		h.known.Set(strings.Clone(id), found)
		return nil
	})
	return err
}
