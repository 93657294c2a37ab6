-- What was called: events, and the statistics that are counted from them in the same transaction.

-- +goose Up

-- Each distinct string of an event, once for the whole database. Rows are committed before they are used, so an
-- id is never seen to dangle, and are never deleted.
CREATE TABLE dictionary (
    id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- 1 endpoint "METHOD route", 2 SDK "name version language" (tab-separated), 3 country, 4 operation,
    -- 5 event name, 6 service, 7 currency, 8 user agent, 9 error type, 10 claim "email TAB organization"
    domain smallint NOT NULL,
    value  text NOT NULL,
    UNIQUE (domain, value)
);
-- Id 1 stands for "other" in every domain: what a value is counted under once its key has used up its day's
-- allowance of distinct values. Id 2 stands for "not known".
INSERT INTO dictionary (domain, value) VALUES (0, 'other'), (0, '');

-- One row to an event. key is api_keys.seq; 0 stands for nobody's usage. Columns are ordered by width, so that no byte is
-- lost to alignment, and what is not known is NULL, which takes no room at all. The primary key begins with the time, so that
-- events, which come in about the order of their time, go to a few pages of its index and not to one for each key.
CREATE TABLE audit_logs (
    time        timestamptz NOT NULL,
    id          uuid NOT NULL,
    key         integer NOT NULL,
    duration_us integer NOT NULL,   -- microseconds, at most 2^31-1 (35 minutes)
    endpoint    integer,            -- dictionary ids, from here to currency; the value that the event was counted under
    sdk         integer,
    country     integer,
    operation   integer,
    event_name  integer,
    service     integer,
    user_agent  integer,
    error_type  integer,
    claim       integer,            -- NULL: none, or one that does not contradict the key's owner
    currency    integer,            -- NULL: no payment
    status      smallint NOT NULL,
    flags       smallint NOT NULL,  -- bit 0 failed, 1 trusted, 2 claim mismatch, 3 undated; 4 and 5 usage.Kind; 6 and 7 usage.Vantage
    amount      numeric,
    fee         numeric,
    client      inet,
    agent       text,
    details     jsonb,              -- resend count, uncapped values, remaining attributes
    PRIMARY KEY (time, key, id) WITH (fillfactor = 100)
) PARTITION BY RANGE (time);

-- What batches of events add to the statistics. A batch appends one row to each key, quarter of an hour and vantage that it
-- has events of, and changes none, so writers never wait for each other here; the sum of the rows is what counts. Rows are
-- merged later (internal/postgres/compact.go), which leaves all sums as they are.
--
-- A row has a number of cells, which are places of its arrays: cell i is about value[i] in dimension[i]. An array ends with
-- its last figure that is not zero. The same cell may occur again, where a count does not fit.
CREATE TABLE usage_counts (
    bucket      timestamptz NOT NULL,   -- beginning of the period
    key         integer NOT NULL,       -- api_keys.seq; 0 nobody; -1, -2 all keys of users, live and sandbox, together
    grain       smallint NOT NULL,      -- length of the period: 0 a quarter of an hour, 2 a UTC day
    vantage     smallint NOT NULL,
    -- 0 total, 1 endpoint, 2 SDK, 3 country, 4 operation, 5 event name, 6 service, 7 payments by currency, 8 claimed payments
    -- by currency, 10 requests answered 401 or 429, which use no quota up (single keys only)
    dimension   smallint[] NOT NULL,
    value       integer[] NOT NULL,     -- dictionary id; 0 in dimensions 0 and 10
    count       integer[] NOT NULL,     -- requests; in dimension 5 custom events; in 7 and 8 payments
    errors      integer[],
    payments    integer[],              -- counted payments (dimensions 0 and 6)
    agents      integer[],              -- agents created (dimension 0)
    services    integer[],              -- services created (dimension 0)
    duration_us bigint[],               -- sum of durations in microseconds (dimensions 0 and 1)
    volume      numeric[],              -- sum of amounts (dimensions 7 and 8)
    fees        numeric[],
    -- Latency histogram: cell << 23 | latency bucket << 13 | how many (at most 8191); see internal/usage/latency.go. Of
    -- endpoints, for keys; of the total, for all keys together.
    latency     integer[],
    seen        bigint[],               -- agents that were active: first 8 bytes of the SHA-256 of their id, each once
    -- Of all keys together, what each organisation had: organizations.seq, requests, errors and payments, each of as many
    -- bytes as the first four bytes say.
    shares      bytea
) PARTITION BY RANGE (bucket);
-- To take it apart again would cost readers more than its pages do.
ALTER TABLE usage_counts ALTER COLUMN shares SET STORAGE EXTERNAL;
CREATE INDEX usage_counts_period ON usage_counts (key, grain, vantage, bucket);

CREATE FUNCTION share_figure(shares bytea, place integer, width integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('x' || lpad(encode(substr(shares, place + 1, width), 'hex'), 8, '0'))::bit(32)::integer;

-- The same with a row to a cell. What an organisation had is dimension 9 here, of the value organizations.seq.
CREATE VIEW usage_cells WITH (security_invoker = true) AS
SELECT s.key, s.grain, s.bucket, s.vantage, c.dimension, c.value, sum(c.count) AS count,
    coalesce(sum(c.errors), 0) AS errors, coalesce(sum(c.payments), 0) AS payments,
    coalesce(sum(c.agents), 0) AS agents, coalesce(sum(c.services), 0) AS services,
    coalesce(sum(c.duration_us), 0) AS duration_us, sum(c.volume) AS volume, sum(c.fees) AS fees
FROM usage_counts s CROSS JOIN LATERAL (
    SELECT * FROM unnest(s.dimension, s.value, s.count, s.errors, s.payments, s.agents, s.services, s.duration_us, s.volume, s.fees)
    UNION ALL
    SELECT 9::smallint, share_figure(s.shares, at, o), share_figure(s.shares, at + o, r), share_figure(s.shares, at + o + r, e),
        share_figure(s.shares, at + o + r + e, p), 0, 0, 0, NULL, NULL
    FROM (SELECT get_byte(s.shares, 0), get_byte(s.shares, 1), get_byte(s.shares, 2), get_byte(s.shares, 3)) AS widths (o, r, e, p),
        generate_series(4, length(s.shares) - 1, o + r + e + p) AS at
) AS c (dimension, value, count, errors, payments, agents, services, duration_us, volume, fees)
GROUP BY s.key, s.grain, s.bucket, s.vantage, c.dimension, c.value;

-- Statistics: one row to a key, quarter of an hour, vantage, dimension and value.
CREATE VIEW usage_statistics WITH (security_invoker = true) AS
SELECT key, bucket, vantage, dimension, value, count, errors, payments, agents, services, duration_us, volume, fees
FROM usage_cells WHERE key >= 0 AND grain = 0;

-- How long calls took: one row to a key, quarter of an hour, vantage, endpoint and latency bucket. Sums merge histograms.
CREATE VIEW usage_latencies WITH (security_invoker = true) AS
SELECT s.key, s.bucket, s.vantage, s.value[l >> 23] AS endpoint, l >> 13 & 1023 AS slot, sum(l & 8191) AS count
FROM usage_counts s CROSS JOIN LATERAL unnest(s.latency) AS l
WHERE s.key >= 0 AND s.grain = 0
GROUP BY s.key, s.bucket, s.vantage, s.value[l >> 23], l >> 13 & 1023;

-- When agents were active: one row to a key, quarter of an hour, vantage and agent.
CREATE VIEW agent_activity WITH (security_invoker = true) AS
SELECT DISTINCT s.key, s.bucket, s.vantage, a.agent
FROM usage_counts s CROSS JOIN LATERAL unnest(s.seen) AS a (agent)
WHERE s.key >= 0 AND s.grain = 0;

-- The last quarter of an hour in which a key was seen from a vantage.
CREATE TABLE key_activity (
    last    timestamptz NOT NULL,
    key     integer NOT NULL,
    vantage smallint NOT NULL,
    PRIMARY KEY (key, vantage)
);

-- Distinct values that a key has used up of its allowance on a day; keys as in usage_counts. A row is locked to admit new
-- values. The ids of a domain follow the negated number of the domain: -1, 17, 18, -2, 5, -1, 19.
CREATE TABLE admissions (
    day       date NOT NULL,
    key       integer NOT NULL,
    admitted  integer[] NOT NULL,
    PRIMARY KEY (key, day)
);

-- Events without a time of their own: their id alone says whether they were seen.
CREATE TABLE undated_events (
    received timestamptz NOT NULL,
    id       uuid NOT NULL,
    key      integer NOT NULL,
    PRIMARY KEY (key, id)
);
CREATE INDEX undated_events_received ON undated_events USING brin (received);

-- +goose Down
DROP TABLE undated_events;
DROP TABLE admissions;
DROP TABLE key_activity;
DROP VIEW agent_activity;
DROP VIEW usage_latencies;
DROP VIEW usage_statistics;
DROP VIEW usage_cells;
DROP FUNCTION share_figure;
DROP TABLE usage_counts;
DROP TABLE audit_logs;
-- Weeks that were detached and not dropped yet would be in the way of new ones.
-- +goose StatementBegin
DO $$
DECLARE
    week regclass;
BEGIN
    FOR week IN SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname ~ '^audit_logs_[0-9]{4}w[0-9]{2}$' LOOP
        EXECUTE 'DROP TABLE ' || week;
    END LOOP;
END
$$;
-- +goose StatementEnd
DROP TABLE dictionary;
