package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rowsAtOnce bounds what one statement deletes, and so how long it holds locks.
const rowsAtOnce = 10_000

// deleteExpired deletes what is old enough of tables that are not partitioned. dropEvents and rollUp see to the others.
func (db *DB) deleteExpired(ctx context.Context, now time.Time) error {
	b, err := db.borders(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, old := range []struct {
		table, column string
		before        time.Time
	}{
		// Longer than an event without a time of its own may be repeated.
		{"undated_events", "received", now.Add(-db.window.Past - eventSlack)},
		// No event of a sealed day is counted any more, and none is recounted.
		{"admissions", "day", b.sealed},
		{"quarantine", "received_at", now.Add(-db.retention.Events)},
		{"reported_totals", "time", now.Add(-db.retention.Events)},
		{"refused_calls", "minute", now.Add(-db.retention.Events)},
		{"ingest_ledger", "hour", now.Add(-db.retention.Hours)},
		// Only the current hour's is used.
		{"allowance_hours", "hour", now.Add(-2 * day)},
	} {
		if err := db.deleteBefore(ctx, old.table, old.column, old.before); err != nil { // the others may still succeed
			failed = errors.Join(failed, fmt.Errorf("cannot delete old rows of %s: %w", old.table, public(err)))
		}
	}
	return failed
}

func (db *DB) deleteBefore(ctx context.Context, table, column string, before time.Time) error {
	sql := fmt.Sprintf(`DELETE FROM %[1]s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s < $1 LIMIT $2))`, table, column)
	for {
		tag, err := db.jobs.Exec(ctx, sql, before, rowsAtOnce)
		if err != nil || tag.RowsAffected() < rowsAtOnce {
			return err
		}
	}
}
