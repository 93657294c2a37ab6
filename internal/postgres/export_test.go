package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// ReconcileIn compares within a transaction, so that a test can plant a difference and take it back.
func ReconcileIn(ctx context.Context, tx pgx.Tx) (*Report, error) {
	return reconcileIn(ctx, []pgx.Tx{tx}, ReconcileConfig{})
}

// LatencyBounds are what reconcile hands to width_bucket.
func LatencyBounds() []int32 { return latencyBounds() }

// PartitionsOf names where an event of a moment goes.
func PartitionsOf(at time.Time) string {
	week := weekly("audit_logs", at)
	return week.name + " " + week.start.Format(time.DateOnly) + " " + monthly("usage_counts", at).name
}

// Compact merges all that can be merged at a moment.
func Compact(ctx context.Context, db *DB, now time.Time) error {
	return errors.Join(db.compactTogether(ctx, now), db.compactSingle(ctx, now), db.compactLedger(ctx, now.Add(-2*time.Hour)))
}

// Oracle compares as ReconcileIn does, in SQL.
func Oracle(ctx context.Context, tx pgx.Tx) (*Report, error) { return oracle(ctx, tx) }

// ReconcileWithAgents compares with room for few agents at a time.
func ReconcileWithAgents(ctx context.Context, db *DB, most int) (*Report, error) {
	return Reconcile(ctx, db, ReconcileConfig{maxAgents: most})
}

// LatencySlot is the latency bucket that a recount finds.
func LatencySlot(us int32) int { return latencySlot(latencyBounds(), us) }

// AllowancesAt keeps allowances as NewAllowances does, at a moment of the test's choice.
func AllowancesAt(db *DB, counted usage.Vantage, now time.Time) *Allowances {
	return &Allowances{db: db, counted: counted, now: &now}
}
