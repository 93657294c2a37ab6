package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Rows of usage_counts and ingest_ledger only ever add up, so any of them may be merged at any time: it changes no sum, and
// no writer waits for it.

const (
	// compactTogetherInterval keeps the platform's answers fast while many batches arrive: each adds a row to the current day.
	compactTogetherInterval = 10 * time.Second
	// fewRows of a period are left alone while the period may still grow.
	fewRows = 8
	// periodsAtOnce bounds the memory and the locks of one transaction.
	periodsAtOnce = 500
	// settled is how old a period has to be before the rows of single keys are merged: most events have come by then.
	settled = time.Hour
)

// These find periods that begin from $1 to $2 and have more than $7 rows, in the order of the index after a period ($3 to $6).
// Periods that begin before $1 are too old to get more rows.
const (
	manyTogether = `SELECT key, grain, vantage, bucket FROM usage_counts WHERE key < 0 ` + haveMany
	manySingle   = `SELECT key, grain, vantage, bucket FROM usage_counts WHERE key >= 0 ` + haveMany

	haveMany = `AND bucket >= $1 AND bucket < $2 AND (key, grain, vantage, bucket) > ($3, $4, $5, $6)
GROUP BY 1, 2, 3, 4 HAVING count(*) > $7 ORDER BY 1, 2, 3, 4 LIMIT $8`
)

// compactTogether merges what has been appended for all keys together.
func (db *DB) compactTogether(ctx context.Context, now time.Time) error {
	return db.compact(ctx, db.ingest, manyTogether, now.Add(db.window.Future), fewRows)
}

// compactSingle merges what has been appended for single keys. To find them takes as long as the index is large, so it has the
// time of a job.
func (db *DB) compactSingle(ctx context.Context, now time.Time) error {
	return db.compact(ctx, db.jobs, manySingle, now.Add(-settled), 1)
}

// compact merges the periods that a statement finds, some in each transaction. Only one collector does it at a time.
func (db *DB) compact(ctx context.Context, pool *pgxpool.Pool, many string, before time.Time, few int) error {
	oldest := before.Add(-db.window.Past).Truncate(day).AddDate(0, 0, -1)
	last := period{key: -1 << 31}
	for more := true; more; {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			var mine bool
			if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1)`, lockCompaction).Scan(&mine); err != nil || !mine {
				more = false
				return err
			}
			periods, err := findPeriods(ctx, tx, many, oldest, before, last.key, int16(last.grain), int16(last.vantage), time.UnixMicro(last.bucket), few, periodsAtOnce)
			if err != nil || len(periods) == 0 {
				more = false
				return err
			}
			more, last = len(periods) == periodsAtOnce, periods[len(periods)-1]
			return mergePeriods(ctx, tx, periods)
		})
		if err != nil {
			return fmt.Errorf("cannot merge statistics: %w", public(err))
		}
	}
	return nil
}

func findPeriods(ctx context.Context, tx pgx.Tx, many string, args ...any) ([]period, error) {
	rows, err := tx.Query(ctx, many, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p period, err error) {
		var bucket time.Time
		err = row.Scan(&p.key, &p.grain, &p.vantage, &bucket)
		p.bucket = bucket.UnixMicro()
		return p, err
	})
}

const takeRows = `
DELETE FROM usage_counts s USING unnest($1::int[], $2::smallint[], $3::smallint[], $4::timestamptz[]) AS p (key, grain, vantage, bucket)
WHERE s.key = p.key AND s.grain = p.grain AND s.vantage = p.vantage AND s.bucket = p.bucket AND s.bucket >= $5 AND s.bucket <= $6
RETURNING ` + countsFields

// mergePeriods replaces the rows of periods by one each, or as few as they fit in.
func mergePeriods(ctx context.Context, tx pgx.Tx, periods []period) error {
	var keys []int32
	var grains, vantages []int16
	var buckets []time.Time
	first, last := periods[0].bucket, periods[0].bucket
	for _, p := range periods {
		keys, grains, vantages = append(keys, p.key), append(grains, int16(p.grain)), append(vantages, int16(p.vantage))
		buckets = append(buckets, time.UnixMicro(p.bucket))
		first, last = min(first, p.bucket), max(last, p.bucket)
	}
	rows, err := tx.Query(ctx, takeRows, keys, grains, vantages, buckets, time.UnixMicro(first), time.UnixMicro(last))
	if err != nil {
		return err
	}
	merged := statistics{}
	if err := merged.addRows(rows); err != nil {
		return err
	}
	return merged.write(ctx, tx)
}

// compactLedger merges the lines of hours of receipt that may still grow, or have grown last.
func (db *DB) compactLedger(ctx context.Context, now time.Time) error {
	const merge = `
		WITH gone AS (
			DELETE FROM ingest_ledger l USING (
				SELECT key, hour, outcome FROM ingest_ledger WHERE hour >= $1 GROUP BY 1, 2, 3 HAVING count(*) > $2
			) AS many
			WHERE l.hour >= $1 AND (l.key, l.hour, l.outcome) = (many.key, many.hour, many.outcome)
			RETURNING l.*
		)
		INSERT INTO ingest_ledger (key, hour, outcome, count) SELECT key, hour, outcome, sum(count) FROM gone GROUP BY 1, 2, 3`
	err := pgx.BeginFunc(ctx, db.ingest, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1)`, lockCompaction).Scan(&mine); err != nil || !mine {
			return err
		}
		_, err := tx.Exec(ctx, merge, now.Add(-2*time.Hour), fewRows)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot merge the ledger: %w", public(err))
	}
	return nil
}
