package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// recountCells says in SQL what tally.add says in Go. $3 to $7 are the names that mean something. An event that was
// counted under "other" keeps its own value in details.
const recountCells = `
WITH named AS (
	SELECT key, date_bin('15 minutes', time, '2000-01-01 00:00:00+00') AS bucket, flags >> 6 & 3 AS vantage, duration_us,
		coalesce(endpoint, 2) AS endpoint, coalesce(sdk, 2) AS sdk, coalesce(country, 2) AS country, coalesce(operation, 2) AS operation,
		coalesce(event_name, 2) AS event_name, coalesce(service, 2) AS service, currency, amount, fee, status,
		flags >> 4 & 3 <> 2 AS request, flags & 1 <> 0 AS failed, flags & 2 <> 0 AS trusted,
		CASE WHEN operation = 1 THEN details #>> '{uncapped,operation}' ELSE coalesce(o.value, '') END AS operation_name,
		CASE WHEN event_name = 1 THEN details #>> '{uncapped,event_name}' ELSE coalesce(n.value, '') END AS name
	FROM audit_logs
	LEFT JOIN dictionary o ON o.id = operation
	LEFT JOIN dictionary n ON n.id = event_name
	WHERE time >= $1 AND time < $2
), judged AS (
	SELECT *,
		currency IS NOT NULL AND NOT failed AND (request OR name = $3) AS pays,
		(trusted AND NOT failed AND CASE WHEN request THEN operation_name = $4 ELSE name = $5 END)::int AS agents,
		(trusted AND NOT failed AND CASE WHEN request THEN operation_name = $6 ELSE name = $7 END)::int AS services
	FROM named
), cells AS (
	SELECT key, bucket, vantage, c.*
	FROM judged e CROSS JOIN LATERAL (VALUES
		(0, 0, request::int, e.agents, e.services, (pays AND trusted)::int, NULL::numeric, NULL::numeric, request OR e.agents + e.services > 0 OR pays AND trusted),
		(1, endpoint, 1, 0, 0, 0, NULL, NULL, request),
		(2, sdk, 1, 0, 0, 0, NULL, NULL, request),
		(3, country, 1, 0, 0, 0, NULL, NULL, request),
		(4, operation, 1, 0, 0, 0, NULL, NULL, request AND operation <> 2),
		(5, event_name, 1, 0, 0, 0, NULL, NULL, NOT request),
		(6, service, request::int, 0, 0, (pays AND trusted)::int, NULL, NULL, service <> 2 AND (request OR pays AND trusted)),
		(7, currency, 1, 0, 0, 0, amount, fee, pays AND trusted),
		(8, currency, 1, 0, 0, 0, amount, fee, pays AND NOT trusted),
		(10, 0, 1, 0, 0, 0, NULL, NULL, request AND status IN (401, 429))
	) AS v (dimension, value, count, agents, services, payments, volume, fees, applies)
	CROSS JOIN LATERAL (SELECT v.dimension, v.value, v.count, v.agents, v.services, v.payments, v.volume, v.fees,
		CASE WHEN v.dimension < 7 AND v.count = 1 AND failed THEN 1 ELSE 0 END AS errors,
		CASE WHEN v.dimension < 2 AND v.count = 1 THEN duration_us ELSE 0 END AS duration_us) AS c
	WHERE v.applies
), counted AS (
	SELECT key, 0 AS grain, bucket, vantage, dimension, value, sum(count) AS count, sum(errors) AS errors, sum(duration_us) AS duration_us,
		sum(payments) AS payments, sum(agents) AS agents, sum(services) AS services, sum(volume) AS volume, sum(fees) AS fees
	FROM cells GROUP BY key, bucket, vantage, dimension, value
), stored AS (
	SELECT 0 AS grain, * FROM usage_statistics WHERE bucket >= $1 AND bucket < $2
)` + compareCellRows

// recountTogether counts what all keys together should have from the statistics of the single ones, which recountCells
// compares with the events. What they were counted under follows from what was admitted.
const recountTogether = `
WITH single AS (
	SELECT CASE WHEN k.environment = 'live' THEN -1 ELSE -2 END AS everybody, k.organization, s.*
	FROM usage_statistics s JOIN api_keys k ON k.seq = s.key
	WHERE k.user_seq IS NOT NULL AND s.bucket >= $1 AND s.bucket < $2
), cells AS (
	SELECT everybody AS key, bucket, vantage, dimension,
		CASE WHEN dimension IN (2, 3) AND value > 2 AND NOT coalesce(value = ANY (a.admitted), false) THEN 1 ELSE value END AS value,
		count, errors, duration_us, payments, agents, services, volume, fees
	FROM single LEFT JOIN admissions a ON a.key = everybody AND a.day = ($1 AT TIME ZONE 'UTC')::date
	WHERE dimension IN (0, 2, 3, 7, 8)
	UNION ALL
	SELECT everybody, bucket, vantage, 9, organization, count, errors, 0, payments, 0, 0, NULL, NULL FROM single WHERE dimension = 0
), periods AS (
	SELECT 0 AS grain, * FROM cells
	UNION ALL SELECT 2, key, $1, vantage, dimension, value, count, errors, duration_us, payments, agents, services, volume, fees FROM cells
), counted AS (
	SELECT key, grain, bucket, vantage, dimension, value, sum(count) AS count, sum(errors) AS errors, sum(duration_us) AS duration_us,
		sum(payments) AS payments, sum(agents) AS agents, sum(services) AS services, sum(volume) AS volume, sum(fees) AS fees
	FROM periods GROUP BY key, grain, bucket, vantage, dimension, value
), stored AS (
	SELECT * FROM usage_cells WHERE key < 0 AND bucket >= $1 AND bucket < $2
)` + compareCellRows

const compareCellRows = `, compared AS (
	SELECT key, grain, bucket, vantage, dimension, value, c.key IS NOT NULL AS expected,
		s, c, -- whole rows: they are turned into text only where they differ
		(s.count, s.errors, s.duration_us, s.payments, s.agents, s.services, s.volume, s.fees)
			IS DISTINCT FROM (c.count, c.errors, c.duration_us, c.payments, c.agents, c.services, c.volume, c.fees) AS differs
	FROM stored s FULL JOIN counted c USING (key, grain, bucket, vantage, dimension, value)
)
SELECT count(*) FILTER (WHERE expected), coalesce(json_agg(json_build_object(
		'key', ` + publicKey + `, 'bucket', bucket, 'vantage', vantage, 'dimension', compared.dimension,
		'value', CASE WHEN compared.dimension = 9 THEN (SELECT id FROM organizations WHERE seq = compared.value) ELSE coalesce(d.value, '') END,
		'stored', ARRAY[(s).count::text, (s).errors::text, (s).duration_us::text, (s).payments::text, (s).agents::text, (s).services::text,
			trim_scale((s).volume)::text, trim_scale((s).fees)::text],
		'counted', ARRAY[(c).count::text, (c).errors::text, (c).duration_us::text, (c).payments::text, (c).agents::text, (c).services::text,
			trim_scale((c).volume)::text, trim_scale((c).fees)::text]) ORDER BY key, grain, bucket, vantage, compared.dimension, compared.value)
	FILTER (WHERE differs), '[]')
FROM compared LEFT JOIN api_keys k ON k.seq = key LEFT JOIN dictionary d ON d.id = compared.value`

// publicKey says whose row it is.
const publicKey = `CASE key WHEN -1 THEN 'every live key' WHEN -2 THEN 'every sandbox key' ELSE coalesce(k.id, '') END`

// $3 are the lower bounds of the latency buckets from 1 on, in microseconds.
const recountLatencies = `
WITH counted AS (
	SELECT key, bucket, vantage, endpoint, array_agg(slot || ':' || n ORDER BY slot)::text AS counted
	FROM (
		SELECT key, date_bin('15 minutes', time, '2000-01-01 00:00:00+00') AS bucket, flags >> 6 & 3 AS vantage, coalesce(endpoint, 2) AS endpoint,
			width_bucket(duration_us, $3::int[]) AS slot, count(*) AS n
		FROM audit_logs WHERE time >= $1 AND time < $2 AND flags >> 4 & 3 <> 2 GROUP BY 1, 2, 3, 4, 5
	) AS slots GROUP BY 1, 2, 3, 4
), stored AS (
	SELECT key, bucket, vantage, endpoint, array_agg(slot || ':' || count ORDER BY slot)::text AS stored
	FROM usage_latencies WHERE bucket >= $1 AND bucket < $2 GROUP BY 1, 2, 3, 4
)
SELECT count(counted), coalesce(json_agg(json_build_object('key', coalesce(k.id, ''), 'bucket', bucket, 'vantage', vantage, 'dimension', 1,
		'value', coalesce(d.value, ''), 'stored', ARRAY[stored], 'counted', ARRAY[counted])
		ORDER BY key, bucket, vantage, d.value) FILTER (WHERE stored IS DISTINCT FROM counted), '[]')
FROM stored FULL JOIN counted USING (key, bucket, vantage, endpoint)
LEFT JOIN api_keys k ON k.seq = key LEFT JOIN dictionary d ON d.id = endpoint`

const recountLatencyTogether = `
WITH single AS (
	SELECT CASE WHEN k.environment = 'live' THEN -1 ELSE -2 END AS key, l.bucket, l.vantage, l.slot, l.count
	FROM usage_latencies l JOIN api_keys k ON k.seq = l.key
	WHERE k.user_seq IS NOT NULL AND l.bucket >= $1 AND l.bucket < $2
), counted AS (
	SELECT key, grain, bucket, vantage, array_agg(slot || ':' || n ORDER BY slot)::text AS counted
	FROM (
		SELECT key, 0 AS grain, bucket, vantage, slot, sum(count) AS n FROM single GROUP BY 1, 3, 4, 5
		UNION ALL SELECT key, 2, $1, vantage, slot, sum(count) FROM single GROUP BY 1, 4, 5
	) AS slots GROUP BY 1, 2, 3, 4
), stored AS (
	SELECT key, grain, bucket, vantage, array_agg(slot || ':' || n ORDER BY slot)::text AS stored
	FROM (
		SELECT key, grain, bucket, vantage, l >> 13 & 1023 AS slot, sum(l & 8191) AS n
		FROM usage_counts CROSS JOIN LATERAL unnest(latency) AS l WHERE key < 0 AND bucket >= $1 AND bucket < $2 GROUP BY 1, 2, 3, 4, 5
	) AS slots GROUP BY 1, 2, 3, 4
)
SELECT count(counted), coalesce(json_agg(json_build_object('key', CASE key WHEN -1 THEN 'every live key' ELSE 'every sandbox key' END,
		'bucket', bucket, 'vantage', vantage, 'dimension', 0, 'value', '', 'stored', ARRAY[stored], 'counted', ARRAY[counted])
		ORDER BY key, grain, bucket, vantage) FILTER (WHERE stored IS DISTINCT FROM counted), '[]')
FROM stored FULL JOIN counted USING (key, grain, bucket, vantage)`

const recountAgents = `
WITH counted AS (
	SELECT DISTINCT key, date_bin('15 minutes', time, '2000-01-01 00:00:00+00') AS bucket, flags >> 6 & 3 AS vantage,
		('x' || encode(substr(sha256(convert_to(agent, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint AS agent, true AS counted
	FROM audit_logs WHERE time >= $1 AND time < $2 AND agent IS NOT NULL
), stored AS (
	SELECT *, true AS stored FROM agent_activity WHERE bucket >= $1 AND bucket < $2
)
SELECT count(counted), coalesce(json_agg(json_build_object('key', coalesce(k.id, ''), 'bucket', bucket, 'vantage', vantage, 'dimension', 11,
		'value', agent::text, 'stored', ARRAY[stored::text], 'counted', ARRAY[counted::text])
		ORDER BY key, bucket, vantage, agent) FILTER (WHERE stored IS DISTINCT FROM counted), '[]')
FROM stored FULL JOIN counted USING (key, bucket, vantage, agent) LEFT JOIN api_keys k ON k.seq = key`

const recountActivity = `
WITH counted AS (
	SELECT key, vantage, max(bucket) AS last FROM usage_counts WHERE key >= 0 AND grain = 0 GROUP BY 1, 2
)
SELECT coalesce(json_agg(json_build_object('key', coalesce(k.id, ''), 'bucket', coalesce(a.last, c.last), 'vantage', vantage, 'dimension', 12,
		'value', '', 'stored', ARRAY[a.last::text], 'counted', ARRAY[c.last::text])
		ORDER BY key, vantage), '[]')
FROM key_activity a FULL JOIN counted c USING (key, vantage) LEFT JOIN api_keys k ON k.seq = key
WHERE a.last IS DISTINCT FROM c.last
	AND NOT (c.last IS NULL AND a.last < (SELECT quarters_from FROM retention)) -- rolled up since`

// oracle compares in SQL: slowly, and with no code in common with the recount but the columns of the tables.
func oracle(ctx context.Context, tx pgx.Tx) (*Report, error) {
	var days []time.Time
	const withData = `
		SELECT array_agg(DISTINCT day ORDER BY day) FROM (SELECT (time AT TIME ZONE 'UTC')::date FROM audit_logs
			UNION SELECT (bucket AT TIME ZONE 'UTC')::date FROM usage_counts) AS d (day)`
	if err := tx.QueryRow(ctx, withData).Scan(&days); err != nil {
		return nil, err
	}
	names := []any{usageconv.EventPaymentCompleted, usageconv.OperationAgentsCreate, usageconv.EventAgentCreated,
		usageconv.OperationServicesCreate, usageconv.EventServiceCreated}
	report := &Report{}
	for _, day := range days {
		var events, rows, agents int64
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM audit_logs WHERE time >= $1 AND time < $2`, day, day.AddDate(0, 0, 1)).Scan(&events); err != nil {
			return nil, err
		}
		for _, c := range []struct {
			statement string
			args      []any
			columns   []string
			rows      *int64
		}{
			{recountCells, names, oracleColumns, &rows}, {recountAgents, nil, []string{"seen"}, &agents},
			{recountLatencies, []any{latencyBounds()}, []string{"latency"}, new(int64)},
			{recountTogether, nil, oracleColumns, new(int64)}, {recountLatencyTogether, nil, []string{"latency"}, new(int64)},
		} {
			var text []byte
			args := append([]any{day, day.AddDate(0, 0, 1)}, c.args...)
			if err := tx.QueryRow(ctx, c.statement, args...).Scan(c.rows, &text); err != nil {
				return nil, err
			}
			if err := report.addOracle(text, c.columns); err != nil {
				return nil, err
			}
		}
		report.Events, report.Rows, report.Agents = report.Events+events, report.Rows+rows, report.Agents+agents
	}
	var text []byte
	if err := tx.QueryRow(ctx, recountActivity).Scan(&text); err != nil {
		return nil, err
	}
	return report, report.addOracle(text, []string{"last"})
}

var oracleColumns = []string{"count", "errors", "duration_us", "payments", "agents", "services", "volume", "fees"}

// addOracle notes the figures of rows that differ.
func (r *Report) addOracle(text []byte, columns []string) error {
	var rows []struct {
		Key             string
		Bucket          time.Time
		Vantage         usage.Vantage
		Dimension       int
		Value           string
		Stored, Counted []*string
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		return err
	}
	for _, row := range rows {
		d := Difference{Key: row.Key, Bucket: row.Bucket.UTC(), Vantage: row.Vantage, Dimension: dimensionNames[row.Dimension+1], Value: row.Value}
		for i, column := range columns {
			d.Column, d.Stored, d.Counted = column, orEmpty(row.Stored[i]), orEmpty(row.Counted[i])
			if d.Stored != d.Counted {
				r.Total++
				r.Differences = append(r.Differences, d)
			}
		}
	}
	return nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
