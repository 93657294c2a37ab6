-- How far data has been coarsened or dropped. The jobs of River have tables of their own, which its own migrations make.

-- +goose Up

-- One row. Every time is a midnight UTC, and only moves ahead; the defaults are before anything was stored.
CREATE TABLE retention (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Events before are dropped, or about to be: their days are sealed.
    sealed_before   timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00',
    -- Statistics are kept by the quarter of an hour from quarters_from on, before that by the hour from hours_from on, and
    -- before that by the UTC day. hours_from <= quarters_from <= sealed_before, so what is coarser is sealed.
    quarters_from   timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00',
    hours_from      timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00',
    -- Up to where rows have really been rolled up; behind the two above while a job has yet to do it.
    quarters_rolled timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00',
    hours_rolled    timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00',
    CHECK (hours_from <= quarters_from AND quarters_from <= sealed_before)
);
INSERT INTO retention DEFAULT VALUES;
GRANT SELECT ON retention TO mirrorball_reader;
ALTER TABLE retention ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON retention FOR SELECT TO mirrorball_reader USING (true); -- it is about nobody

-- Rows of any length: width says which. A period that was rolled up has one row for what had to itself four, or 96.
CREATE OR REPLACE VIEW usage_statistics WITH (security_invoker = true) AS
SELECT key, bucket, vantage, dimension, value, count, errors, payments, agents, services, duration_us, volume, fees,
    (ARRAY['15 minutes', '1 hour', '1 day']::interval[])[grain + 1] AS width
FROM usage_cells WHERE key >= 0;

CREATE OR REPLACE VIEW usage_latencies WITH (security_invoker = true) AS
SELECT s.key, s.bucket, s.vantage, s.value[l >> 23] AS endpoint, l >> 13 & 1023 AS slot, sum(l & 8191) AS count,
    (ARRAY['15 minutes', '1 hour', '1 day']::interval[])[s.grain + 1] AS width
FROM usage_counts s CROSS JOIN LATERAL unnest(s.latency) AS l
WHERE s.key >= 0
GROUP BY s.key, s.grain, s.bucket, s.vantage, s.value[l >> 23], l >> 13 & 1023;

CREATE OR REPLACE VIEW agent_activity WITH (security_invoker = true) AS
SELECT DISTINCT s.key, s.bucket, s.vantage, a.agent,
    (ARRAY['15 minutes', '1 hour', '1 day']::interval[])[s.grain + 1] AS width
FROM usage_counts s CROSS JOIN LATERAL unnest(s.seen) AS a (agent)
WHERE s.key >= 0;

-- What is removed by its age is found by it.
CREATE INDEX quarantine_received ON quarantine USING brin (received_at);
CREATE INDEX reported_totals_time ON reported_totals USING brin (time);

-- +goose Down
DROP INDEX reported_totals_time;
DROP INDEX quarantine_received;
-- A view cannot lose a column by being replaced.
DROP VIEW agent_activity;
DROP VIEW usage_latencies;
DROP VIEW usage_statistics;
CREATE VIEW usage_statistics WITH (security_invoker = true) AS
SELECT key, bucket, vantage, dimension, value, count, errors, payments, agents, services, duration_us, volume, fees
FROM usage_cells WHERE key >= 0 AND grain = 0;
CREATE VIEW usage_latencies WITH (security_invoker = true) AS
SELECT s.key, s.bucket, s.vantage, s.value[l >> 23] AS endpoint, l >> 13 & 1023 AS slot, sum(l & 8191) AS count
FROM usage_counts s CROSS JOIN LATERAL unnest(s.latency) AS l
WHERE s.key >= 0 AND s.grain = 0
GROUP BY s.key, s.bucket, s.vantage, s.value[l >> 23], l >> 13 & 1023;
CREATE VIEW agent_activity WITH (security_invoker = true) AS
SELECT DISTINCT s.key, s.bucket, s.vantage, a.agent
FROM usage_counts s CROSS JOIN LATERAL unnest(s.seen) AS a (agent)
WHERE s.key >= 0 AND s.grain = 0;
GRANT SELECT ON usage_statistics, usage_latencies, agent_activity TO mirrorball_reader;
DROP TABLE retention;
