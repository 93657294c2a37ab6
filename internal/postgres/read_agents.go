package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

const countAgents = `
SELECT count(DISTINCT agent)
FROM usage_counts s CROSS JOIN LATERAL unnest(s.seen) AS agent
WHERE s.key = ANY($1) AND ` + anyGrain + ` AND s.bucket >= $2 AND s.bucket < $3 AND s.vantage IN (0, $4)`

func queueAgents(b *pgx.Batch, counted usage.Vantage, keys []int32, w analytics.Window, n *int64) {
	b.Queue(countAgents, keys, w.Start, w.End, counted).QueryRow(func(row pgx.Row) error { return row.Scan(n) })
}
