package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Platform implements analytics.Reader.
func (r *Reader) Platform(ctx context.Context, q analytics.PlatformQuestion) (*analytics.Platform, error) {
	p := &analytics.Platform{Window: q.Window, Growth: make([]analytics.Growth, len(q.Window.Periods))}
	err := r.db.ReadAs(ctx, Scope{All: true}, func(tx pgx.Tx) error {
		var b pgx.Batch
		r.queuePlatform(&b, q, p)
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

// everybodysCounts are the rows of what all users' keys of an environment ($1) did together between $2 and $3: whole UTC
// days, from $4 to $5, by the day, and what is before and after them by the quarter of an hour.
const everybodysCounts = `
	SELECT * FROM usage_counts WHERE key = $1 AND grain = 2 AND bucket >= $4 AND bucket < $5
	UNION ALL SELECT * FROM usage_counts WHERE key = $1 AND grain = 0 AND bucket >= $2 AND bucket < $4
	UNION ALL SELECT * FROM usage_counts WHERE key = $1 AND grain = 0 AND bucket >= $5 AND bucket < $3`

// spans are the parameters of everybodysCounts.
func spans(environment string, w analytics.Window) []any {
	const day = 24 * time.Hour
	key := everyLiveKey
	if environment == apikey.Sandbox {
		key = everySandboxed
	}
	firstDay := w.Start.UTC().Add(day - 1).Truncate(day) // UTC days begin at multiples of a day
	lastDay := w.End.UTC().Truncate(day)
	if !firstDay.Before(lastDay) { // no whole day
		firstDay, lastDay = w.End, w.End
	}
	return []any{key, w.Start, w.End, firstDay, lastDay}
}

// platformRows sums up by value what everybody did. Claims are shown whoever saw them, requests from the counted vantage
// ($6) alone.
const platformRows = `
WITH sums AS (
	SELECT c.dimension, c.value,
		coalesce(sum(c.count) FILTER (WHERE s.vantage = $6 OR c.dimension IN (7, 8)), 0) AS count,
		coalesce(sum(c.errors) FILTER (WHERE s.vantage = $6), 0) AS errors,
		sum(c.duration_us) FILTER (WHERE s.vantage = $6) AS duration_us,
		coalesce(sum(c.payments), 0) AS payments, sum(c.volume) AS volume, sum(c.fees) AS fees
	FROM (` + everybodysCounts + `) AS s` + unnestCells + `
	WHERE s.vantage IN (0, $6) OR c.dimension = 8
	GROUP BY 1, 2
), ranked AS (
	SELECT sums.*, d.value AS name, row_number() OVER (PARTITION BY dimension ORDER BY count DESC, d.value, sums.value) AS rank
	FROM sums LEFT JOIN dictionary d ON d.id = sums.value AND sums.dimension <> 9
)
SELECT dimension, coalesce(ranked.name, o.name, ''), coalesce(o.id, ''), count::bigint, errors::bigint,
	coalesce(round(duration_us / nullif(count, 0)), 0)::bigint, payments::bigint,
	coalesce(volume, 0)::text, coalesce(fees, 0)::text
FROM ranked LEFT JOIN organizations o ON o.seq = ranked.value AND dimension = 9
WHERE dimension IN (0, 7, 8) OR rank <= $7
ORDER BY dimension, rank`

const platformLatency = `
SELECT coalesce(array_agg(slot ORDER BY slot), '{}'), coalesce(array_agg(count ORDER BY slot), '{}')
FROM (
	SELECT l >> 13 & 1023 AS slot, sum(l & 8191) AS count
	FROM (` + everybodysCounts + `) AS s CROSS JOIN LATERAL unnest(s.latency) AS l
	WHERE s.vantage = $6
	GROUP BY 1
) AS merged`

func (r *Reader) queuePlatform(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	args := append(spans(q.Environment, q.Window), r.counted)
	b.Queue(platformLatency, args...).QueryRow(func(row pgx.Row) error {
		var h histogram
		err := row.Scan(&h.slots, &h.counts)
		p.Latency = h.latency()
		return err
	})
	b.Queue(platformRows, append(args, q.Top)...).Query(func(rows pgx.Rows) error {
		var s statistic
		var organization string
		_, err := pgx.ForEachRow(rows, []any{&s.dimension, &s.name, &organization, &s.counts.Requests, &s.counts.Errors, &s.average,
			&s.payments, &s.volume, &s.fees}, func() error {
			s.addToPlatform(p, organization)
			return nil
		})
		return err
	})
}

func (s *statistic) addToPlatform(p *analytics.Platform, organization string) {
	switch s.dimension {
	case dimensionTotal:
		p.Counts = s.counts
		p.Average = time.Duration(s.average) * time.Microsecond
	case dimensionSDK:
		p.SDKs = append(p.SDKs, sdkOf(s.name, s.counts))
	case dimensionCountry:
		p.Countries = append(p.Countries, analytics.Named{Name: s.name, Counts: s.counts})
	case dimensionPayments:
		p.Payments = append(p.Payments, s.money())
	case dimensionClaimed:
		p.Claimed = append(p.Claimed, s.money())
	case dimensionOrganization:
		p.Organizations = append(p.Organizations, analytics.Organization{ID: organization, Name: s.name, Counts: s.counts, Payments: s.payments})
	}
}

const nobodysRequests = `
SELECT coalesce(sum(c.count), 0)::bigint, coalesce(sum(c.errors), 0)::bigint
FROM usage_counts s` + unnestCells + `
WHERE s.key = 0 AND s.grain = 0 AND s.bucket >= $1 AND s.bucket < $2 AND s.vantage = $3 AND c.dimension = 0`

func (r *Reader) queueNobody(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	b.Queue(nobodysRequests, q.Window.Start, q.Window.End, r.counted).QueryRow(func(row pgx.Row) error {
		return row.Scan(&p.Nobody.Requests, &p.Nobody.Errors)
	})
}

const countUsers = `
SELECT count(DISTINCT k.user_seq), count(DISTINCT k.user_seq) FILTER (WHERE a.key IS NOT NULL)
FROM api_keys k LEFT JOIN key_activity a ON a.key = k.seq AND a.last >= $2 AND a.vantage IN (0, $3)
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
