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
		sums := newTogether(r.counted)
		r.queuePlatform(&b, q, sums)
		r.queueNobody(&b, q, p)
		r.queueUsers(&b, q, p)
		queueGrowth(&b, q, p)
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		return r.name(ctx, tx, q, sums, p)
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

// Claims are shown whoever saw them, all else is what the counted vantage ($6) saw, or no vantage.
const platformRows = `
SELECT s.vantage, s.dimension, s.value, s.count, s.errors, s.payments, s.duration_us, s.volume::text[], s.fees::text[],
	CASE WHEN s.vantage = $6 THEN s.latency END
FROM (` + everybodysCounts + `) AS s
WHERE s.vantage IN (0, $6) OR 8 = ANY (s.dimension)`

func (r *Reader) queuePlatform(b *pgx.Batch, q analytics.PlatformQuestion, sums *together) {
	args := append(spans(q.Environment, q.Window), r.counted)
	b.Queue(platformRows, args...).Query(sums.addRows)
}

// name fills in the lists of the answer, whose values are known by their ids up to now.
func (r *Reader) name(ctx context.Context, tx pgx.Tx, q analytics.PlatformQuestion, sums *together, p *analytics.Platform) error {
	p.Counts, p.Average, p.Latency = sums.total.counts, sums.total.average(), sums.latency
	names, err := r.words.find(ctx, tx, sums.ids())
	if err != nil {
		return err
	}
	for _, s := range sums.rank(dimensionSDK, names, q.Top) {
		p.SDKs = append(p.SDKs, sdkOf(s.name, s.counts))
	}
	for _, s := range sums.rank(dimensionCountry, names, q.Top) {
		p.Countries = append(p.Countries, analytics.Named{Name: s.name, Counts: s.counts})
	}
	for _, s := range sums.rank(dimensionPayments, names, -1) {
		p.Payments = append(p.Payments, s.money())
	}
	for _, s := range sums.rank(dimensionClaimed, names, -1) {
		p.Claimed = append(p.Claimed, s.money())
	}
	top := sums.topOrganizations(q.Top)
	organizations, err := organizationsOf(ctx, tx, top)
	for _, s := range top {
		o := organizations[s.value]
		o.Counts, o.Payments = s.counts, s.payments
		p.Organizations = append(p.Organizations, o)
	}
	return err
}

func organizationsOf(ctx context.Context, tx pgx.Tx, shares []*sum) (map[int32]analytics.Organization, error) {
	seqs := make([]int32, len(shares))
	for i, s := range shares {
		seqs[i] = s.value
	}
	rows, err := tx.Query(ctx, `SELECT seq, id, name FROM organizations WHERE seq = ANY ($1)`, seqs)
	if err != nil {
		return nil, err
	}
	found := make(map[int32]analytics.Organization, len(seqs))
	var seq int32
	var o analytics.Organization
	_, err = pgx.ForEachRow(rows, []any{&seq, &o.ID, &o.Name}, func() error {
		found[seq] = o
		return nil
	})
	return found, err
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
SELECT count(*), count(*) FILTER (WHERE active)
FROM (
	SELECT bool_or(a.key IS NOT NULL) AS active
	FROM api_keys k LEFT JOIN (SELECT DISTINCT key FROM key_activity WHERE last >= $2 AND vantage IN (0, $3)) AS a ON a.key = k.seq
	WHERE k.environment = $1 AND k.user_seq IS NOT NULL
	GROUP BY k.user_seq
) AS users`

func (r *Reader) queueUsers(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	b.Queue(countUsers, q.Environment, q.ActiveSince, r.counted).QueryRow(func(row pgx.Row) error {
		return row.Scan(&p.RegisteredUsers, &p.ActiveUsers)
	})
}

// countGrowth counts a user when it got its first key of the environment.
const countGrowth = `
SELECT width_bucket(made, $4::timestamptz[]), sum(users), sum(keys)
FROM (
	SELECT min(created_at) AS made, 1 AS users, 0 AS keys FROM api_keys WHERE environment = $1 AND user_seq IS NOT NULL GROUP BY user_seq
	UNION ALL
	SELECT created_at, 0, 1 FROM api_keys WHERE environment = $1 AND user_seq IS NOT NULL AND created_at >= $2 AND created_at < $3
) AS events
WHERE made >= $2 AND made < $3
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
