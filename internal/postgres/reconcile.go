package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// ReconcileConfig narrows a [Reconcile]. The zero value compares everything.
type ReconcileConfig struct {
	// From and To bound the days, half-open; they are floored to UTC midnight. Zero: no bound.
	From, To time.Time
	// MaxDifferences bounds what is returned; all are counted. Zero means 1,000.
	MaxDifferences int
}

// Difference is one figure that is not what a recount of the events gives.
type Difference struct {
	// Key is the public id of a key; empty for what is nobody's usage.
	Key string
	// Bucket is the quarter of an hour; for agents, the UTC day.
	Bucket  time.Time
	Vantage usage.Vantage
	// Dimension and Value say which row: "endpoint", "POST /payments"; "total", ""; "agent", the hash of its id.
	Dimension, Value string
	// Column is what differs. Stored and Counted are its values; "" for a row that is missing.
	Column, Stored, Counted string
}

// Report is the outcome of a [Reconcile].
type Report struct {
	// Events were recounted; Rows and Agents are the rows of statistics and of agent activity that should be there.
	Events, Rows, Agents int64
	// Total is the number of differences, of which Differences are the first.
	Total       int
	Differences []Difference
}

// Equal reports whether the statistics are exactly what the events say.
func (r *Report) Equal() bool { return r.Total == 0 }

// Reconcile compares the statistics with a recount of the events, figure by figure, in one snapshot of the database:
// writers may go on meanwhile. It goes day by day, so its memory does not grow with the number of events.
func Reconcile(ctx context.Context, db *DB, cfg ReconcileConfig) (*Report, error) {
	if cfg.MaxDifferences == 0 {
		cfg.MaxDifferences = 1000
	}
	report := &Report{}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, db.ingest, options, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', '0', true)`); err != nil {
			return err
		}
		days, err := daysWithData(ctx, tx, cfg)
		if err != nil {
			return err
		}
		for _, day := range days {
			if err := reconcileDay(ctx, tx, day, cfg.MaxDifferences, report); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot compare statistics with events: %w", public(err))
	}
	return report, nil
}

// selectDays finds the days by the smallest and largest of each table, which the primary keys do not give cheaply, so it
// reads the partitions once; statistics count too, for there may be some without events.
const selectDays = `
SELECT DISTINCT (time AT TIME ZONE 'UTC')::date AS day FROM audit_logs WHERE time >= $1 AND time < $2
UNION SELECT DISTINCT (bucket AT TIME ZONE 'UTC')::date FROM usage_statistics WHERE bucket >= $1 AND bucket < $2
UNION SELECT DISTINCT day FROM agent_activity WHERE day >= ($1 AT TIME ZONE 'UTC')::date AND day < ($2 AT TIME ZONE 'UTC')::date
ORDER BY day`

func daysWithData(ctx context.Context, tx pgx.Tx, cfg ReconcileConfig) ([]time.Time, error) {
	from, to := cfg.From.UTC().Truncate(24*time.Hour), cfg.To.UTC().Truncate(24*time.Hour)
	if cfg.To.IsZero() {
		to = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	rows, err := tx.Query(ctx, selectDays, from, to)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[time.Time])
}

// recount says in SQL what statistics.add says in Go. $1 to $2 is a day; $3 are the lower bounds of the latency
// buckets from 1 on, in microseconds; $4 to $8 are the names that mean something.
// An event that was counted under "other" keeps its own value in details.
const recount = `
WITH powers AS MATERIALIZED ( -- of a latency bucket's place in the large number: a 1 and 12 noughts to each bucket below
	SELECT slot, ('1' || repeat('0', 12 * slot))::numeric AS power FROM generate_series(0, cardinality($3::int[])) AS slot
), named AS (
	SELECT key, date_bin('15 minutes', time, '2000-01-01 00:00:00+00') AS bucket, vantage, duration_us,
		endpoint, sdk, country, operation, event_name, service, currency, amount, fee,
		kind <> 2 AS request, flags & 1 <> 0 AS failed, flags & 2 <> 0 AS trusted,
		CASE WHEN operation = 1 THEN details #>> '{uncapped,operation}' ELSE o.value END AS operation_name,
		CASE WHEN event_name = 1 THEN details #>> '{uncapped,event_name}' ELSE n.value END AS name
	FROM audit_logs
	JOIN dictionary o ON o.id = operation
	JOIN dictionary n ON n.id = event_name
	WHERE time >= $1 AND time < $2
), judged AS (
	SELECT *,
		currency IS NOT NULL AND NOT failed AND (request OR name = $4) AS pays,
		(trusted AND NOT failed AND CASE WHEN request THEN operation_name = $5 ELSE name = $6 END)::int AS agents,
		(trusted AND NOT failed AND CASE WHEN request THEN operation_name = $7 ELSE name = $8 END)::int AS services
	FROM named
), cells AS (
	SELECT key, bucket, vantage, c.*
	FROM judged e CROSS JOIN LATERAL (VALUES
		(0, 0, request::int, e.agents, e.services, (pays AND trusted)::int, NULL::numeric, NULL::numeric, NULL::int, request OR e.agents + e.services > 0 OR pays AND trusted),
		(1, endpoint, 1, 0, 0, 0, NULL, NULL, width_bucket(duration_us, $3::int[]), request),
		(2, sdk, 1, 0, 0, 0, NULL, NULL, NULL, request),
		(3, country, 1, 0, 0, 0, NULL, NULL, NULL, request),
		(4, operation, 1, 0, 0, 0, NULL, NULL, NULL, request AND operation <> 2),
		(5, event_name, 1, 0, 0, 0, NULL, NULL, NULL, NOT request),
		(6, service, request::int, 0, 0, (pays AND trusted)::int, NULL, NULL, NULL, service <> 2 AND (request OR pays AND trusted)),
		(7, currency, 1, 0, 0, 0, amount, fee, NULL, pays AND trusted),
		(8, currency, 1, 0, 0, 0, amount, fee, NULL, pays AND NOT trusted)
	) AS v (dimension, value, count, agents, services, payments, volume, fees, slot, applies)
	CROSS JOIN LATERAL (SELECT v.dimension, v.value, v.count, v.agents, v.services, v.payments, v.volume, v.fees, v.slot,
		CASE WHEN v.dimension < 7 AND v.count = 1 AND failed THEN 1 ELSE 0 END AS errors,
		CASE WHEN v.dimension < 7 AND v.count = 1 THEN duration_us ELSE 0 END AS duration_us) AS c
	WHERE v.applies
), slots AS (
	SELECT key, bucket, vantage, dimension, value, slot, sum(count) AS count, sum(errors) AS errors, sum(duration_us) AS duration_us,
		sum(payments) AS payments, sum(agents) AS agents, sum(services) AS services, sum(volume) AS volume, sum(fees) AS fees
	FROM cells GROUP BY key, bucket, vantage, dimension, value, slot
), counted AS (
	SELECT key, bucket, vantage, dimension, value, sum(count) AS count, sum(errors) AS errors, sum(duration_us) AS duration_us,
		sum(payments) AS payments, sum(agents) AS agents, sum(services) AS services, sum(volume) AS volume, sum(fees) AS fees,
		sum(count * power) AS latency
	FROM slots LEFT JOIN powers USING (slot) GROUP BY key, bucket, vantage, dimension, value
), stored AS (
	SELECT * FROM usage_statistics WHERE bucket >= $1 AND bucket < $2
), compared AS (
	SELECT key, bucket, vantage, dimension, value, s.key IS NOT NULL AS there, c.key IS NOT NULL AS expected,
		s, c, -- whole rows: they are turned into text only where they differ
		(s.count, s.errors, s.duration_us, s.payments, s.agents, s.services, s.volume, s.fees, s.latency)
			IS DISTINCT FROM (c.count, c.errors, c.duration_us, c.payments, c.agents, c.services, c.volume, c.fees, c.latency) AS differs
	FROM stored s FULL JOIN counted c USING (key, bucket, vantage, dimension, value)
)
SELECT count(*) FILTER (WHERE expected), coalesce(json_agg(json_build_object(
		'key', coalesce(k.id, ''), 'bucket', bucket, 'vantage', vantage, 'dimension', compared.dimension, 'value', coalesce(d.value, ''),
		'there', there, 'expected', expected,
		'stored', ARRAY[(s).count::text, (s).errors::text, (s).duration_us::text, (s).payments::text, (s).agents::text, (s).services::text,
			trim_scale((s).volume)::text, trim_scale((s).fees)::text, (s).latency::text],
		'counted', ARRAY[(c).count::text, (c).errors::text, (c).duration_us::text, (c).payments::text, (c).agents::text, (c).services::text,
			trim_scale((c).volume)::text, trim_scale((c).fees)::text, (c).latency::text]) ORDER BY key, bucket, vantage, compared.dimension, compared.value)
	FILTER (WHERE differs), '[]')
FROM compared LEFT JOIN api_keys k ON k.seq = key LEFT JOIN dictionary d ON d.id = compared.value`

const recountAgents = `
WITH counted AS (
	SELECT key, vantage,
		('x' || encode(substr(sha256(convert_to(agent, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint AS agent,
		bit_or(set_bit(0::bit(96), floor(extract(epoch FROM time - $1::timestamptz) / 900)::int, 1)) AS slots
	FROM audit_logs WHERE time >= $1 AND time < $2 AND agent IS NOT NULL
	GROUP BY 1, 2, 3
), compared AS (
	SELECT key, vantage, agent, s.slots::text AS stored, c.slots::text AS counted
	FROM (SELECT * FROM agent_activity WHERE day = ($1 AT TIME ZONE 'UTC')::date) s FULL JOIN counted c USING (key, vantage, agent)
)
SELECT count(counted), coalesce(json_agg(json_build_object('key', coalesce(k.id, ''), 'bucket', $1::timestamptz, 'vantage', vantage,
		'value', agent::text, 'there', stored IS NOT NULL, 'expected', counted IS NOT NULL, 'stored', ARRAY[stored], 'counted', ARRAY[counted])
		ORDER BY key, vantage, agent) FILTER (WHERE stored IS DISTINCT FROM counted), '[]')
FROM compared LEFT JOIN api_keys k ON k.seq = key`

// differing is one row of either statement.
type differing struct {
	Key             string
	Bucket          time.Time
	Vantage         usage.Vantage
	Dimension       int
	Value           string
	There, Expected bool
	Stored, Counted []*string
}

var statisticsColumns = []string{"count", "errors", "duration_us", "payments", "agents", "services", "volume", "fees", "latency"}

func reconcileDay(ctx context.Context, tx pgx.Tx, day time.Time, most int, report *Report) error {
	next := day.AddDate(0, 0, 1)
	var events, rows, agents int64
	var cells, activity []byte
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM audit_logs WHERE time >= $1 AND time < $2`, day, next).Scan(&events); err != nil {
		return err
	}
	err := tx.QueryRow(ctx, recount, day, next, latencyBounds(), usageconv.EventPaymentCompleted,
		usageconv.OperationAgentsCreate, usageconv.EventAgentCreated,
		usageconv.OperationServicesCreate, usageconv.EventServiceCreated).Scan(&rows, &cells)
	if err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, recountAgents, day, next).Scan(&agents, &activity); err != nil {
		return err
	}
	report.Events, report.Rows, report.Agents = report.Events+events, report.Rows+rows, report.Agents+agents
	if err := report.add(cells, most, dimensionNames, statisticsColumns); err != nil {
		return err
	}
	return report.add(activity, most, []string{"agent"}, []string{"slots"})
}

var dimensionNames = []string{
	"total", "endpoint", "sdk", "country", "operation", "event_name", "service", "payments", "claimed_payments",
}

// add notes the figures of rows that differ.
func (r *Report) add(text []byte, most int, dimensions, columns []string) error {
	var rows []differing
	if err := json.Unmarshal(text, &rows); err != nil {
		return err
	}
	for _, row := range rows {
		d := Difference{Key: row.Key, Bucket: row.Bucket.UTC(), Vantage: row.Vantage, Dimension: dimensions[row.Dimension], Value: row.Value}
		for i, column := range columns {
			d.Column, d.Stored, d.Counted = column, orEmpty(row.Stored[i]), orEmpty(row.Counted[i])
			if d.Stored != d.Counted {
				r.note(d, most)
			}
		}
	}
	return nil
}

func (r *Report) note(d Difference, most int) {
	r.Total++
	if len(r.Differences) < most {
		r.Differences = append(r.Differences, d)
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// latencyBounds are the lower bounds, in microseconds, of the latency buckets from 1 on: width_bucket over them is
// exactly usage.LatencyBucket, with no logarithm that two programs might round differently.
var latencyBounds = func() func() []int32 {
	last := usage.LatencyBucket(usage.MaxLatency)
	bounds := make([]int32, last)
	for bucket := 1; bucket <= last; bucket++ {
		low, high := int64(0), int64(usage.MaxLatency)
		for low < high {
			middle := (low + high) / 2
			if usage.LatencyBucket(middle) >= bucket {
				high = middle
			} else {
				low = middle + 1
			}
		}
		bounds[bucket-1] = int32(low)
	}
	return func() []int32 { return slices.Clone(bounds) }
}()
