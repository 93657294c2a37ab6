package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Repair makes the statistics what the events say, and reports what it changed. Writers may go on meanwhile. Where the ledger
// differs, it is reported and left as it is: which side is wrong cannot be known.
//
// It replaces the rows of each key and day that differ, in a transaction of its own that sees one snapshot: the rows that are
// deleted were committed together with the events that are counted. What is committed later is in neither, and stays. Days
// whose events have been dropped are left alone.
func Repair(ctx context.Context, db *DB, cfg ReconcileConfig) (*Report, error) {
	var r *reconciliation
	var differing []keyDay
	suspects := map[watched]struct{}{}
	err := withSnapshot(ctx, db, func(txs []pgx.Tx) (err error) {
		if r, differing, err = findDiffering(ctx, txs, cfg); err != nil || !cfg.unbounded() {
			return err
		}
		late, err := r.activityDiffering(ctx, txs[0])
		if err != nil {
			return err
		}
		noteActivity(suspects, late)
		return r.compareLedger(ctx, txs[0])
	})
	if err != nil {
		return nil, fmt.Errorf("cannot compare statistics with events: %w", public(err))
	}
	// Merging would delete the same rows: one of the two would have to begin again.
	err = withLock(ctx, db.ingest, lockCompaction, func() error {
		names := &naming{report: r.report, most: cfg.most()}
		for _, at := range withTogether(differing) {
			found, err := r.repairDay(ctx, db, at)
			if err != nil {
				return err
			}
			noteActivity(suspects, found)
			names.note(found)
		}
		late, err := r.repairActivity(ctx, db, suspects)
		if err != nil {
			return err
		}
		names.note(late)
		return pgx.BeginFunc(ctx, db.ingest, func(tx pgx.Tx) error { return names.resolve(ctx, tx) })
	})
	if err != nil {
		return nil, fmt.Errorf("cannot repair statistics: %w", public(err))
	}
	return r.report, nil
}

// withTogether puts all keys together last, on every day on which one differs: they are compared with the statistics of the
// single ones, which have to be right by then.
func withTogether(differing []keyDay) []keyDay {
	var single, every []keyDay
	for _, at := range differing {
		if at.key >= nobody {
			single = append(single, at)
		}
		every = append(every, keyDay{everyLiveKey, at.day}, keyDay{everySandboxed, at.day})
	}
	slices.SortFunc(every, keyDay.compare)
	return append(single, slices.Compact(every)...)
}

const deleteDay = `DELETE FROM usage_counts WHERE key = $1 AND bucket >= $2 AND bucket < $3`

// repairDay replaces the statistics of a key and day, unless they are right.
func (r *reconciliation) repairDay(ctx context.Context, db *DB, at keyDay) (found []unnamed, err error) {
	return found, repeatably(ctx, db, func(tx pgx.Tx) error {
		found = nil
		day := allowance(at).date()
		if sealed, err := sealedBefore(ctx, tx); err != nil || day.Before(sealed) {
			return err
		}
		if err := untimed(ctx, tx); err != nil {
			return err
		}
		counted, stored, err := r.exactly(ctx, tx, at)
		if err != nil {
			return err
		}
		if found = compareStatistics(counted, stored); len(found) == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, deleteDay, at.key, day, day.AddDate(0, 0, 1)); err != nil {
			return err
		}
		return counted.write(ctx, tx)
	})
}

// repeatably runs fn in a transaction that sees one snapshot, again when another has changed what it changes.
func repeatably(ctx context.Context, db *DB, fn func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginTxFunc(ctx, db.ingest, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, fn)
		if err == nil || classify(err) != failureBusy || try == maxTries || !pause(ctx, try) {
			return err
		}
	}
}

const (
	// Nobody writes key_activity while it is put right, which takes an index scan to each key: a writer that saw a later time
	// than is true would else leave its own out. The lock comes before the snapshot.
	lockActivity   = `LOCK TABLE key_activity IN SHARE ROW EXCLUSIVE MODE`
	findActivity   = `SELECT max(bucket) FROM usage_counts WHERE key = $1 AND grain = 0 AND vantage = $2`
	storedActivity = `SELECT last FROM key_activity WHERE key = $1 AND vantage = $2`
	deleteActivity = `DELETE FROM key_activity WHERE key = $1 AND vantage = $2`
	upsertLast     = `
INSERT INTO key_activity (key, vantage, last) VALUES ($1, $2, $3)
ON CONFLICT (key, vantage) DO UPDATE SET last = excluded.last`
)

// noteActivity adds the keys whose last activity may be wrong when these figures are.
func noteActivity(suspects map[watched]struct{}, list []unnamed) {
	for _, d := range list {
		if d.key >= nobody {
			suspects[watched{d.key, d.vantage}] = struct{}{}
		}
	}
}

func (a watched) compare(b watched) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.vantage, b.vantage))
}

// repairActivity puts right when keys were seen last, once the statistics are right.
func (r *reconciliation) repairActivity(ctx context.Context, db *DB, suspects map[watched]struct{}) (found []unnamed, err error) {
	if len(suspects) == 0 {
		return nil, nil
	}
	err = pgx.BeginTxFunc(ctx, db.ingest, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if err := execScript(ctx, tx.Conn().PgConn(), lockActivity); err != nil {
			return err
		}
		if err := untimed(ctx, tx); err != nil {
			return err
		}
		for _, at := range slices.SortedFunc(maps.Keys(suspects), watched.compare) {
			late, err := setActivity(ctx, tx, at, r.since)
			if err != nil {
				return err
			}
			found = append(found, late...)
		}
		return nil
	})
	return found, err
}

// setActivity compares one key, because the statistics have changed since the snapshot of the comparison.
func setActivity(ctx context.Context, tx pgx.Tx, at watched, since time.Time) ([]unnamed, error) {
	var counted, stored *time.Time
	if err := tx.QueryRow(ctx, findActivity, at.key, at.vantage).Scan(&counted); err != nil {
		return nil, err
	}
	if err := tx.QueryRow(ctx, `SELECT (`+storedActivity+`)`, at.key, at.vantage).Scan(&stored); err != nil {
		return nil, err
	}
	if counted == nil && stored != nil && stored.Before(since) {
		return nil, nil
	}
	found := compareActivity(activityOf(at, counted), activityOf(at, stored))
	if len(found) == 0 {
		return nil, nil
	}
	if counted == nil {
		_, err := tx.Exec(ctx, deleteActivity, at.key, at.vantage)
		return found, err
	}
	_, err := tx.Exec(ctx, upsertLast, at.key, at.vantage, counted)
	return found, err
}

func activityOf(at watched, last *time.Time) map[watched]int64 {
	if last == nil {
		return nil
	}
	return map[watched]int64{at: last.UnixMicro()}
}
