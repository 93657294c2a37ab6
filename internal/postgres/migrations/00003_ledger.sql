-- What became of every record: nothing vanishes silently.

-- +goose Up

-- Per key and hour of receipt: received = stored + repeated + rejected, where outcome is 'stored', 'repeated' or a
-- usage.Reason. Batches append rows, whose sum counts, so that writers never wait for each other here; they are merged later.
CREATE TABLE ingest_ledger (
    hour    timestamptz NOT NULL,
    key     integer NOT NULL,       -- the key that the records were sent with, whomever they are about; 0: not known
    outcome text NOT NULL,
    count   bigint NOT NULL
);
CREATE INDEX ingest_ledger_hour ON ingest_ledger (hour, key);

-- Records that cannot be stored, with the reason; at most a thousand to a key and hour, the ledger counts all.
CREATE TABLE quarantine (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now(),
    key         integer NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    record      text NOT NULL
);
CREATE INDEX quarantine_key ON quarantine (key, received_at);

-- Metrics as the SDK reported them; beside the statistics and never added to them.
CREATE TABLE reported_totals (
    time       timestamptz NOT NULL,
    start      timestamptz NOT NULL,
    stream     uuid NOT NULL,
    key        integer NOT NULL,
    name       text NOT NULL,
    unit       text NOT NULL,
    attributes jsonb NOT NULL,
    value      double precision NOT NULL,
    count      bigint NOT NULL,
    PRIMARY KEY (key, stream, start, time)
);

-- Calls that the collector itself refused, folded in memory before they are written.
CREATE TABLE refused_calls (
    minute      timestamptz NOT NULL,
    prefix      cidr NOT NULL,      -- /24 or /48 of the caller
    fingerprint text NOT NULL,      -- '' when what was presented is no key
    reason      text NOT NULL,
    count       bigint NOT NULL,
    PRIMARY KEY (minute, prefix, fingerprint, reason)
);

-- +goose Down
DROP TABLE refused_calls;
DROP TABLE reported_totals;
DROP TABLE quarantine;
DROP TABLE ingest_ledger;
