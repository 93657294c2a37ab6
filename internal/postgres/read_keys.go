package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

const (
	keysByID = `SELECT coalesce(array_agg(k.seq), '{}') FROM api_keys k WHERE ` + keyInView + ` AND k.id = ANY ($5)`
	keyUse   = `
SELECT k.id, sum(c.count)::bigint, coalesce(sum(c.count) FILTER (WHERE s.bucket >= $3 AND s.bucket < $4), 0)::bigint
FROM usage_counts s JOIN api_keys k ON k.seq = s.key
	CROSS JOIN LATERAL unnest(s.dimension, s.count) AS c (dimension, count)
WHERE s.key = ANY ($1) AND ` + anyGrain + ` AND s.vantage = $2 AND c.dimension = 0
GROUP BY k.id`
)

// KeyUse implements analytics.Reader.
func (r *Reader) KeyUse(ctx context.Context, q analytics.KeyUseQuestion) (map[string]analytics.KeyUse, error) {
	uses := map[string]analytics.KeyUse{}
	if len(q.KeyIDs) == 0 {
		return uses, nil
	}
	view, err := seenBy(ctx, r.db.read, q.By.View)
	if err != nil {
		return nil, fmt.Errorf("cannot find what the asker sees: %w", readError(err))
	}
	var keys []int32
	if err := r.db.read.QueryRow(ctx, keysByID, view.args(q.KeyIDs)...).Scan(&keys); err != nil {
		return nil, fmt.Errorf("cannot find the keys to count: %w", readError(err))
	}
	month := time.Date(q.Month.UTC().Year(), q.Month.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	err = r.db.ReadAs(ctx, view.scope(), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, keyUse, keys, r.counted, month, month.AddDate(0, 1, 0))
		if err != nil {
			return err
		}
		var id string
		var use analytics.KeyUse
		_, err = pgx.ForEachRow(rows, []any{&id, &use.Requests, &use.RequestsThisMonth}, func() error {
			uses[id] = use
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot count the use of keys: %w", readError(err))
	}
	return uses, nil
}
