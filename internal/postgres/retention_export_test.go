package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// The tasks of jobs, at a moment of the test's choice.

func CreatePartitions(ctx context.Context, db *DB, now time.Time) error {
	return db.createPartitions(ctx, now)
}
func DropEvents(ctx context.Context, db *DB, now time.Time) error { return db.dropEvents(ctx, now) }
func RollUp(ctx context.Context, db *DB, now time.Time) error     { return db.rollUp(ctx, now) }
func DeleteExpired(ctx context.Context, db *DB, now time.Time) error {
	return db.deleteExpired(ctx, now)
}

func SealedBefore(ctx context.Context, tx pgx.Tx) (time.Time, error) { return sealedBefore(ctx, tx) }

// BordersAt are the sealed, quarter-hourly and hourly borders at a moment of a database on which nothing was dropped.
func BordersAt(now time.Time, r Retention, w usage.Window) [3]time.Time {
	b := borders{}.at(now, r, w)
	return [3]time.Time{b.sealed, b.quarters, b.hours}
}
