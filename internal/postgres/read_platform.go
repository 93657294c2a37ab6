package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Platform implements analytics.Reader.
func (r *Reader) Platform(ctx context.Context, q analytics.PlatformQuestion) (*analytics.Platform, error) {
	p := &analytics.Platform{Window: q.Window}
	if !q.By.View.All {
		return nil, fmt.Errorf("cannot count the usage of the platform: %w", analytics.ErrNoSubject)
	}
	trail := q.By.Reads(access.PlatformRead, "", map[string]any{"environment": q.Environment, "start": q.Window.Start, "end": q.Window.End})
	err := r.db.ReadAs(ctx, Scope{All: true, Trail: trail}, func(tx pgx.Tx) error {
		var b pgx.Batch
		queueFit(&b, q.Window)
		sums := newTogether(r.counted)
		r.queuePlatform(&b, q, sums)
		r.queueNobody(&b, q, p)
		users := newPeople(q.Window)
		r.queuePeople(&b, q, users)
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		users.answer(p)
		return r.name(ctx, tx, q, sums, p)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot count the usage of the platform: %w", readError(err))
	}
	return p, nil
}

// everybodysKey is under which key all users' keys of an environment are counted together.
func everybodysKey(environment string) int32 {
	if environment == apikey.Sandbox {
		return everySandboxed
	}
	return everyLiveKey
}

// everybodysCounts are the rows of what all users' keys of an environment ($1) did together between $2 and $3: whole UTC
// days, from $4 to $5, by the day, and what is before and after them by the quarter of an hour, or the hour.
const everybodysCounts = `
	SELECT * FROM usage_counts WHERE key = $1 AND grain = 2 AND bucket >= $4 AND bucket < $5
	UNION ALL SELECT * FROM usage_counts WHERE key = $1 AND grain IN (0, 1) AND bucket >= $2 AND bucket < $4
	UNION ALL SELECT * FROM usage_counts WHERE key = $1 AND grain IN (0, 1) AND bucket >= $5 AND bucket < $3`

// spans are the parameters of everybodysCounts.
func spans(environment string, w analytics.Window) []any {
	firstDay := w.Start.UTC().Add(day - 1).Truncate(day) // UTC days begin at multiples of a day
	lastDay := w.End.UTC().Truncate(day)
	if !firstDay.Before(lastDay) { // no whole day
		firstDay, lastDay = w.End, w.End
	}
	return []any{everybodysKey(environment), w.Start, w.End, firstDay, lastDay}
}

// Claims are shown whoever saw them, all else is what the counted vantage ($6) saw, or no vantage.
const platformRows = `
SELECT s.vantage, s.dimension, s.value, s.count, s.errors, s.payments, s.duration_us, s.volume, s.fees,
	CASE WHEN s.vantage = $6 THEN s.latency END
FROM (` + everybodysCounts + `) AS s
WHERE s.vantage IN (0, $6) OR 8 = ANY (s.dimension)`

func (r *Reader) queuePlatform(b *pgx.Batch, q analytics.PlatformQuestion, sums *together) {
	args := append(spans(q.Environment, q.Window), r.counted)
	b.Queue(platformRows, args...).Query(sums.addRows)
	queueShares(b, everybodysKey(q.Environment), r.counted, q.Window, &sums.organizations)
}

// name fills in the lists of the answer, whose values are known by their ids up to now.
func (r *Reader) name(ctx context.Context, tx pgx.Tx, q analytics.PlatformQuestion, sums *together, p *analytics.Platform) error {
	p.Counts, p.Average, p.Latency = sums.total.counts, sums.total.average(), sums.latency
	names, err := r.words.find(ctx, tx, sums.cells.ids())
	if err != nil {
		return err
	}
	for _, s := range sums.cells.rank(dimensionSDK, names, q.Top) {
		p.SDKs = append(p.SDKs, sdkOf(s.name, s.counts))
	}
	for _, s := range sums.cells.rank(dimensionCountry, names, q.Top) {
		p.Countries = append(p.Countries, analytics.Named{Name: s.name, Counts: s.counts})
	}
	for _, s := range sums.cells.rank(dimensionPayments, names, -1) {
		p.Payments = append(p.Payments, s.money())
	}
	for _, s := range sums.cells.rank(dimensionClaimed, names, -1) {
		p.Claimed = append(p.Claimed, s.money())
	}
	if err := foldMerged(ctx, tx, &sums.organizations); err != nil {
		return err
	}
	top := sums.organizations.top(q.Top)
	organizations, err := organizationsOf(ctx, tx, top)
	for _, s := range top {
		o := organizations[s.organization]
		o.Counts, o.Payments = analytics.Counts{Requests: s.requests, Errors: s.errors}, s.payments
		p.Organizations = append(p.Organizations, o)
	}
	return err
}

// foldMerged counts what organisations had for those that they were merged into: statistics keep the number that a key was
// made under.
func foldMerged(ctx context.Context, tx pgx.Tx, sums *shares) error {
	rows, err := tx.Query(ctx, `SELECT seq, merged_into FROM organizations WHERE merged_into IS NOT NULL`)
	if err != nil {
		return err
	}
	var from, into int32
	_, err = pgx.ForEachRow(rows, []any{&from, &into}, func() error {
		sums.fold(from, into)
		return nil
	})
	return err
}

func organizationsOf(ctx context.Context, tx pgx.Tx, shares []ranked) (map[int32]analytics.Organization, error) {
	seqs := make([]int32, len(shares))
	for i, s := range shares {
		seqs[i] = s.organization
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
FROM usage_counts s ` + unnestCounts + `
WHERE s.key = 0 AND ` + anyGrain + ` AND s.bucket >= $1 AND s.bucket < $2 AND s.vantage = $3 AND c.dimension = 0`

// unnestCounts gives a row to each cell c of the rows s of usage_counts, with its requests and errors.
const unnestCounts = `CROSS JOIN LATERAL unnest(s.dimension, s.count, s.errors) AS c (dimension, count, errors)`

func (r *Reader) queueNobody(b *pgx.Batch, q analytics.PlatformQuestion, p *analytics.Platform) {
	b.Queue(nobodysRequests, q.Window.Start, q.Window.End, r.counted).QueryRow(func(row pgx.Row) error {
		return row.Scan(&p.Nobody.Requests, &p.Nobody.Errors)
	})
}
