package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rowsAtOnce bounds what one statement deletes, and so how long it holds locks.
const rowsAtOnce = 10_000

// expiring is a table of which the rows before a moment are to go.
type expiring struct {
	table, column string
	before        time.Time
	bring         string // part of the statement that keeps a count of what is gone; may be empty
}

// What the ledger calls stored and what it is compared with stay countable.
const (
	bringTotals = `, brought AS (
		INSERT INTO brought_forward AS b (key, totals) SELECT reporter, count(*) FROM gone GROUP BY 1 ORDER BY 1
		ON CONFLICT (key) DO UPDATE SET totals = b.totals + excluded.totals)`
	bringStored = `, brought AS (
		INSERT INTO brought_forward AS b (key, stored) SELECT key, sum(count) FROM gone WHERE outcome = 'stored' GROUP BY 1 ORDER BY 1
		ON CONFLICT (key) DO UPDATE SET stored = b.stored + excluded.stored)`
)

// deleteExpired deletes what is old enough of tables that are not partitioned. dropEvents and rollUp see to the others.
func (db *DB) deleteExpired(ctx context.Context, now time.Time) error {
	b, err := db.borders(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, old := range []expiring{
		// Longer than an event without a time of its own may be repeated.
		{"undated_events", "received", now.Add(-db.window.Past - eventSlack), ""},
		// No event of a sealed day is counted any more, and none is recounted.
		{"admissions", "day", b.sealed, ""},
		{"quarantine", "received_at", now.Add(-db.retention.Events), ""},
		{"reported_totals", "time", now.Add(-db.retention.Events), bringTotals},
		{"refused_calls", "minute", now.Add(-db.retention.Events), ""},
		{"ingest_ledger", "hour", now.Add(-db.retention.Hours), bringStored},
		// Only the current hour's is used.
		{"allowance_hours", "hour", now.Add(-2 * day), ""},
	} {
		if err := db.deleteOld(ctx, old); err != nil { // the others may still succeed
			failed = errors.Join(failed, fmt.Errorf("cannot delete old rows of %s: %w", old.table, public(err)))
		}
	}
	return failed
}

func (db *DB) deleteOld(ctx context.Context, old expiring) error {
	sql := fmt.Sprintf(`
		WITH gone AS (DELETE FROM %[1]s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s < $1 LIMIT $2)) RETURNING *) %[3]s
		SELECT count(*) FROM gone`, old.table, old.column, old.bring)
	for {
		var n int
		err := db.jobs.QueryRow(ctx, sql, old.before, rowsAtOnce).Scan(&n)
		if err != nil || n < rowsAtOnce {
			return err
		}
	}
}
