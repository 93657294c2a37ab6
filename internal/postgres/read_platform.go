package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// Platform implements analytics.Reader.
func (r *Reader) Platform(ctx context.Context, q analytics.PlatformQuestion) (*analytics.Platform, error) {
	p := &analytics.Platform{Window: q.Window, Growth: make([]analytics.Growth, len(q.Window.Periods))}
	err := r.db.ReadAs(ctx, Scope{All: true}, func(tx pgx.Tx) error {
		var b pgx.Batch
		r.queuePlatform(&b, q, p)
		queueClaimedOf(&b, q, &p.Claimed)
		r.queueOrganizations(&b, q, p)
		r.queueNobody(&b, q, p)
		r.queueUsers(&b, q, p)
		queueGrowth(&b, q, p)
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return nil, fmt.Errorf("cannot count the usage of the platform: %w", readError(err))
	}
	return p, nil
}

// platformRows sums up by value what the keys of an environment's users did. The latency of all endpoints together is
// in the row of dimension 1.
const platformRows = `
WITH sums AS (
	SELECT s.dimension,
		CASE WHEN s.dimension IN (0, 1) THEN 0 ELSE s.value END AS value,
		coalesce(sum(s.count) FILTER (WHERE s.vantage = $4 OR s.dimension = 7), 0) AS count,
		coalesce(sum(s.errors) FILTER (WHERE s.vantage = $4), 0) AS errors,
		sum(s.duration_us) FILTER (WHERE s.vantage = $4) AS duration_us,
		sum(s.volume) AS volume, sum(s.fees) AS fees,
		sum(s.latency) FILTER (WHERE s.vantage = $4) AS latency
	FROM usage_statistics s
	JOIN api_keys k ON k.seq = s.key
	WHERE k.environment = $1 AND k.user_seq IS NOT NULL
		AND s.bucket >= $2 AND s.bucket < $3 AND s.vantage IN (0, $4) AND s.dimension IN (0, 1, 2, 3, 7)
	GROUP BY 1, 2
), ranked AS (
	SELECT sums.*, d.value AS name, row_number() OVER (PARTITION BY dimension ORDER BY count DESC, d.value) AS rank
	FROM sums LEFT JOIN dictionary d ON d.id = sums.value
)
SELECT dimension, coalesce(name, ''), count::bigint, errors::bigint,
	coalesce(round(duration_us / nullif(count, 0)), 0)::bigint,
	coalesce(volume, 0)::text, coalesce(fees, 0)::text, numeric_send(latency)
FROM ranked
WHERE dimension IN (0, 1, 7) OR rank <= $5
ORDER BY dimension, rank`

func (r *Reader) queuePlatform(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	b.Queue(platformRows, q.Environment, q.Window.Start, q.Window.End, r.counted, q.Top).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var s statistic
			if err := rows.Scan(&s.dimension, &s.name, &s.counts.Requests, &s.counts.Errors, &s.average,
				&s.volume, &s.fees, &s.latencyDigits); err != nil {
				return err
			}
			if err := s.addToPlatform(p); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func (s *statistic) addToPlatform(p *analytics.Platform) (err error) {
	switch s.dimension {
	case dimensionTotal:
		p.Counts = s.counts
		p.Average = time.Duration(s.average) * time.Microsecond
	case dimensionEndpoint:
		p.Latency, err = s.latency()
	case dimensionSDK:
		p.SDKs = append(p.SDKs, sdkOf(s.name, s.counts))
	case dimensionCountry:
		p.Countries = append(p.Countries, analytics.Named{Name: s.name, Counts: s.counts})
	case dimensionPayments:
		p.Payments = append(p.Payments, s.money())
	}
	return err
}

const topOrganizations = `
SELECT o.id, o.name,
	coalesce(sum(s.count) FILTER (WHERE s.vantage = $4), 0)::bigint AS requests,
	coalesce(sum(s.errors) FILTER (WHERE s.vantage = $4), 0)::bigint,
	sum(s.payments)::bigint
FROM usage_statistics s
JOIN api_keys k ON k.seq = s.key
JOIN organizations o ON o.seq = k.organization
WHERE k.environment = $1 AND k.user_seq IS NOT NULL
	AND s.bucket >= $2 AND s.bucket < $3 AND s.vantage IN (0, $4) AND s.dimension = 0
GROUP BY o.seq
ORDER BY requests DESC, o.seq
LIMIT $5`

func (r *Reader) queueOrganizations(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	b.Queue(topOrganizations, q.Environment, q.Window.Start, q.Window.End, r.counted, q.Top).Query(func(rows pgx.Rows) error {
		var err error
		p.Organizations, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o analytics.Organization, err error) {
			return o, row.Scan(&o.ID, &o.Name, &o.Requests, &o.Errors, &o.Payments)
		})
		return err
	})
}

const nobodysRequests = `
SELECT coalesce(sum(count), 0)::bigint, coalesce(sum(errors), 0)::bigint
FROM usage_statistics
WHERE key = 0 AND bucket >= $1 AND bucket < $2 AND vantage = $3 AND dimension = 0`

func (r *Reader) queueNobody(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	b.Queue(nobodysRequests, q.Window.Start, q.Window.End, r.counted).QueryRow(func(row pgx.Row) error {
		return row.Scan(&p.Nobody.Requests, &p.Nobody.Errors)
	})
}

// countUsers looks for one row to a key; the primary key of the statistics leads to it.
const countUsers = `
SELECT count(DISTINCT k.user_seq),
	count(DISTINCT k.user_seq) FILTER (WHERE EXISTS (
		SELECT FROM usage_statistics s
		WHERE s.key = k.seq AND s.bucket >= $2 AND (s.vantage = $3 AND s.dimension = 0 OR s.vantage = 0 AND s.dimension = 5)))
FROM api_keys k
WHERE k.environment = $1`

func (r *Reader) queueUsers(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	b.Queue(countUsers, q.Environment, q.ActiveSince, r.counted).QueryRow(func(row pgx.Row) error {
		return row.Scan(&p.RegisteredUsers, &p.ActiveUsers)
	})
}

// countGrowth counts a user when it got its first key of the environment.
const countGrowth = `
WITH made AS (
	SELECT created_at, row_number() OVER (PARTITION BY user_seq ORDER BY created_at, seq) = 1 AS first
	FROM api_keys
	WHERE environment = $1 AND user_seq IS NOT NULL
)
SELECT width_bucket(created_at, $4::timestamptz[]), count(*) FILTER (WHERE first), count(*)
FROM made
WHERE created_at >= $2 AND created_at < $3
GROUP BY 1`

func queueGrowth(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	w := q.Window
	b.Queue(countGrowth, q.Environment, w.Start, w.End, w.Periods).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var period int
			var g analytics.Growth
			if err := rows.Scan(&period, &g.NewUsers, &g.NewKeys); err != nil {
				return err
			}
			p.Growth[period-1] = g
		}
		return rows.Err()
	})
}
