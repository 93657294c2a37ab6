package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// Claims are shown whoever saw them: a customer's own telemetry is a claim from either side.

const claimedPayments = `
SELECT d.value, sum(c.count)::bigint AS payments, sum(c.volume)::text, sum(c.fees)::text
FROM usage_counts s` + unnestCells + `
JOIN dictionary d ON d.id = c.value
WHERE s.key = ANY($1) AND ` + anyGrain + ` AND s.bucket >= $2 AND s.bucket < $3 AND c.dimension = 8
GROUP BY d.value
ORDER BY payments DESC, d.value`

func queueClaimed(b *pgx.Batch, keys []int32, w analytics.Window, claimed *[]analytics.Money) {
	b.Queue(claimedPayments, keys, w.Start, w.End).Query(collectMoney(claimed))
}

func collectMoney(to *[]analytics.Money) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var err error
		*to, err = pgx.CollectRows(rows, pgx.RowToStructByPos[analytics.Money])
		return err
	}
}
