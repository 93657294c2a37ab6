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

-- One row to an event. key is api_keys.seq; 0 stands for nobody's usage.
-- Columns are ordered by width, so that no byte is lost to alignment.
CREATE TABLE audit_logs (
    time        timestamptz NOT NULL,
    id          uuid NOT NULL,
    key         integer NOT NULL,
    endpoint    integer NOT NULL,   -- dictionary ids; the value that the event was counted under
    sdk         integer NOT NULL,
    country     integer NOT NULL,
    operation   integer NOT NULL,
    event_name  integer NOT NULL,
    service     integer NOT NULL,
    user_agent  integer NOT NULL,
    error_type  integer NOT NULL,
    claim       integer NOT NULL,
    duration_us integer NOT NULL,   -- microseconds, at most 2^31-1 (35 minutes)
    status      smallint NOT NULL,
    kind        smallint NOT NULL,  -- usage.Kind
    vantage     smallint NOT NULL,  -- usage.Vantage
    flags       smallint NOT NULL,  -- bit 0 failed, 1 trusted, 2 claim mismatch, 3 undated
    currency    integer,            -- dictionary id; NULL: no payment
    amount      numeric,
    fee         numeric,
    client      inet,
    agent       text,
    details     jsonb,              -- resend count, uncapped values, remaining attributes; NULL: none
    PRIMARY KEY (key, time, id)
) PARTITION BY RANGE (time);

-- Statistics: one row to a key, bucket of 15 minutes, vantage, dimension and value.
CREATE TABLE usage_statistics (
    bucket      timestamptz NOT NULL,
    key         integer NOT NULL,
    value       integer NOT NULL,   -- dictionary id; 0 in dimension 0
    vantage     smallint NOT NULL,
    -- 0 total, 1 endpoint, 2 SDK, 3 country, 4 operation, 5 event name, 6 service,
    -- 7 payments by currency, 8 claimed payments by currency
    dimension   smallint NOT NULL,
    count       bigint NOT NULL,    -- requests; in dimension 5 custom events; in 7 and 8 payments
    errors      bigint NOT NULL,
    duration_us numeric NOT NULL,   -- sum of durations in microseconds
    payments    bigint NOT NULL,    -- counted payments (dimensions 0 and 6)
    agents      bigint NOT NULL,    -- agents created (dimension 0)
    services    bigint NOT NULL,    -- services created (dimension 0)
    volume      numeric,            -- sum of amounts (dimensions 7 and 8)
    fees        numeric,
    -- Latency histogram as one large whole number, in dimension 1 only. Bucket i owns the decimal digits 12i to 12i+11,
    -- so + and sum() of Postgres merge histograms natively and exactly; see internal/usage/latency.go.
    latency     numeric,
    PRIMARY KEY (key, bucket, vantage, dimension, value)
) PARTITION BY RANGE (bucket);

-- When an agent was active: bit i of slots is set when the agent appeared in the i-th quarter of an hour of the UTC
-- day. Distinct agents of any range that consists of whole buckets follow exactly.
CREATE TABLE agent_activity (
    day     date NOT NULL,
    key     integer NOT NULL,
    vantage smallint NOT NULL,
    agent   bigint NOT NULL,        -- first 8 bytes of the SHA-256 of the agent id
    slots   bit(96) NOT NULL,
    PRIMARY KEY (key, day, vantage, agent)
);

-- Distinct values that a key has used up of its allowance on a day. A row is locked to admit new values.
CREATE TABLE admissions (
    day       date NOT NULL,
    key       integer NOT NULL,
    dimension smallint NOT NULL,    -- dictionary domain
    admitted  integer[] NOT NULL,
    PRIMARY KEY (key, day, dimension)
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
DROP TABLE agent_activity;
DROP TABLE usage_statistics;
DROP TABLE audit_logs;
DROP TABLE dictionary;
