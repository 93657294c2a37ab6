package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Rows are locked in order, since collectors write at the same time. A key's last use only moves ahead, and no trigger listens to
// it: who remembers keys is not told.
const updateLastUsed = `
WITH uses AS (
	SELECT k.seq, u.at FROM unnest($1::text[], $2::timestamptz[]) AS u (id, at) JOIN api_keys k USING (id)
	WHERE k.last_used IS NULL OR k.last_used < u.at
	ORDER BY k.seq FOR NO KEY UPDATE OF k
)
UPDATE api_keys k SET last_used = greatest(k.last_used, uses.at) FROM uses WHERE k.seq = uses.seq`

// WriteUses stores when keys were last used, and gives it back to the log when that fails.
func WriteUses(ctx context.Context, db *DB, log *apikey.UseLog) error {
	uses := log.Drain()
	var failed error
	for some := range slices.Chunk(slices.Sorted(maps.Keys(uses)), rowsAtOnce) {
		times := make([]time.Time, len(some))
		for i, id := range some {
			times[i] = uses[id]
		}
		if _, err := db.ingest.Exec(ctx, updateLastUsed, some, times); err != nil {
			failed = fmt.Errorf("cannot store when keys were last used: %w", public(err))
			for i, id := range some {
				log.Note(id, times[i])
			}
		}
	}
	return failed
}
