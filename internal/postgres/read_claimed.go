package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// Claims are shown whoever saw them: a customer's own telemetry is a claim from either side.

const claimedPayments = `
SELECT d.value, sum(s.count)::bigint AS payments, sum(s.volume)::text, sum(s.fees)::text
FROM usage_statistics s
JOIN dictionary d ON d.id = s.value
WHERE s.key = ANY($1) AND s.bucket >= $2 AND s.bucket < $3 AND s.dimension = 8
GROUP BY d.value
ORDER BY payments DESC, d.value`

func queueClaimed(b *pgx.Batch, keys []int32, w analytics.Window, claimed *[]analytics.Money) {
	b.Queue(claimedPayments, keys, w.Start, w.End).Query(collectMoney(claimed))
}

const claimedPaymentsOfAll = `
SELECT d.value, sum(s.count)::bigint AS payments, sum(s.volume)::text, sum(s.fees)::text
FROM usage_statistics s
JOIN api_keys k ON k.seq = s.key
JOIN dictionary d ON d.id = s.value
WHERE k.environment = $1 AND k.user_seq IS NOT NULL AND s.bucket >= $2 AND s.bucket < $3 AND s.dimension = 8
GROUP BY d.value
ORDER BY payments DESC, d.value`

func queueClaimedOf(b *pgx.Batch, q analytics.PlatformQuestion, claimed *[]analytics.Money) {
	b.Queue(claimedPaymentsOfAll, q.Environment, q.Window.Start, q.Window.End).Query(collectMoney(claimed))
}

func collectMoney(to *[]analytics.Money) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var err error
		*to, err = pgx.CollectRows(rows, pgx.RowToStructByPos[analytics.Money])
		return err
	}
}
