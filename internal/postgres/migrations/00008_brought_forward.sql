-- What the ledger can be compared with, for as long as there is a ledger: who sent a reported total, and how much has been
-- dropped by its age.

-- +goose Up

-- One row to a key. Each count is added to in the transaction that deletes, or seals, what it counts.
CREATE TABLE brought_forward (
    key     integer PRIMARY KEY,
    events  bigint NOT NULL DEFAULT 0,  -- events of sealed days whose sender was the key itself
    trusted bigint NOT NULL DEFAULT 0,  -- events of sealed days whose sender might report calls made with other keys
    totals  bigint NOT NULL DEFAULT 0,  -- reported totals that were sent with the key
    stored  bigint NOT NULL DEFAULT 0   -- of the ledger's lines 'stored'
);
ALTER TABLE brought_forward ENABLE ROW LEVEL SECURITY;

ALTER TABLE reported_totals ADD reporter integer NOT NULL DEFAULT 0;    -- the key that it was sent with, as in ingest_ledger
UPDATE reported_totals SET reporter = key;

-- +goose Down
ALTER TABLE reported_totals DROP reporter;
DROP TABLE brought_forward;
