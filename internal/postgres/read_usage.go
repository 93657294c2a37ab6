package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Usage implements analytics.Reader.
func (r *Reader) Usage(ctx context.Context, q analytics.UsageQuestion) (*analytics.Usage, error) {
	view, err := seenBy(ctx, r.db.read, q.By.View)
	if err != nil {
		return nil, fmt.Errorf("cannot find what the asker sees: %w", readError(err))
	}
	keys, err := r.keysOf(ctx, view, q.Subject)
	if err != nil {
		return nil, fmt.Errorf("cannot find the keys to count: %w", err)
	}
	scope := view.scope()
	scope.Trail = q.By.Reads(access.UsageRead, cmp.Or(q.Subject.KeyID, q.Subject.UserID, q.Subject.OrganizationID),
		map[string]any{"environment": q.Subject.Environment, "start": q.Window.Start, "end": q.Window.End})
	// Everybody's keys are all there are: to compare each row with each of them would be slow and keep nothing out.
	if scope.All && !q.Subject.Everybody() {
		scope.All, scope.Keys = false, keys
	}
	return r.usageOf(ctx, scope, keys, q)
}

func (r *Reader) usageOf(ctx context.Context, scope Scope, keys []int32, q analytics.UsageQuestion) (*analytics.Usage, error) {
	u := &analytics.Usage{Window: q.Window, Series: make([]analytics.Counts, len(q.Window.Periods))}
	err := r.db.ReadAs(ctx, scope, func(tx pgx.Tx) error {
		var b pgx.Batch
		queueFit(&b, q.Window)
		queueUsage(&b, r.counted, keys, q, u)
		queueClaimed(&b, keys, q.Window, &u.Claimed)
		queueAgents(&b, r.counted, keys, q.Window, &u.UniqueAgents)
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return nil, fmt.Errorf("cannot count usage: %w", readError(err))
	}
	return u, nil
}

// usageRows reads each row of the keys once and sums its cells up by value, and by period too where the cell is a
// total. Payments, agents and services come from the counted vantage ($4) and from custom events (vantage 0), requests
// from the counted vantage alone. Lists end after $6 rows; totals and payments are complete.
const usageRows = `
WITH sums AS (
	SELECT c.dimension, c.value,
		CASE WHEN c.dimension = 0 THEN width_bucket(s.bucket, $5::timestamptz[]) ELSE 0 END AS period,
		coalesce(sum(c.count) FILTER (WHERE s.vantage = $4 OR c.dimension IN (5, 7)), 0) AS count,
		coalesce(sum(c.errors) FILTER (WHERE s.vantage = $4), 0) AS errors,
		sum(c.duration_us) FILTER (WHERE s.vantage = $4) AS duration_us,
		coalesce(sum(c.payments), 0) AS payments, coalesce(sum(c.agents), 0) AS agents, coalesce(sum(c.services), 0) AS services,
		sum(c.volume) AS volume, sum(c.fees) AS fees
	FROM usage_counts s` + unnestCells + `
	WHERE s.key = ANY($1) AND ` + anyGrain + ` AND s.bucket >= $2 AND s.bucket < $3 AND s.vantage IN (0, $4) AND c.dimension < 8
	GROUP BY 1, 2, 3
), ranked AS (
	SELECT sums.*, d.value AS name, row_number() OVER (PARTITION BY dimension ORDER BY count DESC, d.value) AS rank
	FROM sums LEFT JOIN dictionary d ON d.id = sums.value
)
SELECT dimension, value, coalesce(name, ''), period, count::bigint, errors::bigint,
	coalesce(round(duration_us / nullif(count, 0)), 0)::bigint,
	payments::bigint, agents::bigint, services::bigint, coalesce(volume, 0)::text, coalesce(fees, 0)::text
FROM ranked
WHERE dimension IN (0, 7) OR rank <= $6
ORDER BY dimension, rank`

// unnestCells gives a row to each cell c of the rows s of usage_counts.
const unnestCells = ` CROSS JOIN LATERAL unnest(s.dimension, s.value, s.count, s.errors, s.payments, s.agents, s.services,
	s.duration_us, s.volume, s.fees) AS c (dimension, value, count, errors, payments, agents, services, duration_us, volume, fees)`

// usageLatencies merges the histograms of each endpoint.
const usageLatencies = `
SELECT endpoint, array_agg(slot ORDER BY slot), array_agg(count ORDER BY slot)
FROM (
	SELECT s.value[l >> 23] AS endpoint, l >> 13 & 1023 AS slot, sum(l & 8191) AS count
	FROM usage_counts s CROSS JOIN LATERAL unnest(s.latency) AS l
	WHERE s.key = ANY($1) AND ` + anyGrain + ` AND s.bucket >= $2 AND s.bucket < $3 AND s.vantage = $4
	GROUP BY 1, 2
) AS merged
GROUP BY endpoint`

// statistic is a row of usageRows.
type statistic struct {
	dimension    int
	value        int32 // dictionary id
	name         string
	period       int // from 1
	counts       analytics.Counts
	average      int64 // microseconds
	payments     int64
	agents       int64
	services     int64
	volume, fees string
}

func queueUsage(b *pgx.Batch, counted usage.Vantage, keys []int32, q analytics.UsageQuestion, u *analytics.Usage) {
	endpoints := map[int32]int{} // places in the answer
	b.Queue(usageRows, keys, q.Window.Start, q.Window.End, counted, q.Window.Periods, q.Top).Query(func(rows pgx.Rows) error {
		var s statistic
		_, err := pgx.ForEachRow(rows, []any{&s.dimension, &s.value, &s.name, &s.period, &s.counts.Requests, &s.counts.Errors, &s.average,
			&s.payments, &s.agents, &s.services, &s.volume, &s.fees}, func() error {
			if s.dimension == dimensionEndpoint {
				endpoints[s.value] = len(u.Endpoints)
			}
			s.addTo(u)
			return nil
		})
		return err
	})
	b.Queue(usageLatencies, keys, q.Window.Start, q.Window.End, counted).Query(func(rows pgx.Rows) error {
		var endpoint int32
		var h histogram
		_, err := pgx.ForEachRow(rows, []any{&endpoint, &h.slots, &h.counts}, func() error {
			if place, ok := endpoints[endpoint]; ok {
				u.Endpoints[place].Latency = h.latency()
			}
			return nil
		})
		return err
	})
}

// histogram is a latency histogram as SQL merges it.
type histogram struct {
	slots  []int32
	counts []int64
}

func (h *histogram) latency() usage.Latency {
	l := make(usage.Latency, len(h.slots))
	for i, slot := range h.slots {
		l[i] = usage.LatencyCount{Bucket: int(slot), Count: uint64(h.counts[i])}
	}
	return l
}

// addTo puts the row where it belongs in the answer.
func (s *statistic) addTo(u *analytics.Usage) {
	switch s.dimension {
	case dimensionTotal:
		u.Series[s.period-1] = s.counts
		u.Requests += s.counts.Requests
		u.Errors += s.counts.Errors
		u.AgentsCreated += s.agents
		u.ServicesCreated += s.services
	case dimensionEndpoint:
		method, route := splitEndpoint(s.name)
		u.Endpoints = append(u.Endpoints, analytics.Endpoint{
			Method: method, Route: route, Counts: s.counts,
			Response: analytics.Response{Average: time.Duration(s.average) * time.Microsecond},
		})
	case dimensionSDK:
		u.SDKs = append(u.SDKs, sdkOf(s.name, s.counts))
	case dimensionCountry:
		u.Countries = append(u.Countries, analytics.Named{Name: s.name, Counts: s.counts})
	case dimensionOperation:
		u.Operations = append(u.Operations, analytics.Named{Name: s.name, Counts: s.counts})
	case dimensionEvent:
		u.Features = append(u.Features, analytics.Feature{Event: s.name, Count: s.counts.Requests})
	case dimensionService:
		u.Services = append(u.Services, analytics.Service{ID: s.name, Counts: s.counts, Payments: s.payments})
	case dimensionPayments:
		u.Payments = append(u.Payments, s.money())
	}
}

func (s *statistic) money() analytics.Money {
	return analytics.Money{Currency: s.name, Payments: s.counts.Requests, Volume: s.volume, Fees: s.fees}
}
