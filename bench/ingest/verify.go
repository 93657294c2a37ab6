package main

import (
	"context"
	"errors"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// verify fails unless the store holds exactly the events that were sent: as rows, in the totals of the statistics, and in
// the ledger.
func verify(ctx context.Context, db *database, events int) error {
	return errors.Join(
		db.requireCount(ctx, events, "SELECT count(*) FROM audit_logs"),
		db.requireCount(ctx, events, "SELECT sum(c.count)::bigint FROM usage_counts s, unnest(s.dimension, s.count) AS c (dimension, count) WHERE s.key > 0 AND c.dimension = 0 AND s.vantage = $1", usage.VantageServer),
		db.requireCount(ctx, events, "SELECT sum(count)::bigint FROM ingest_ledger WHERE outcome = 'stored'"),
		db.requireCount(ctx, 0, "SELECT sum(count)::bigint FROM ingest_ledger WHERE outcome NOT IN ('stored', 'repeated')"),
	)
}
