package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Statistics that are old enough are rolled up: the rows of an hour, and later of a UTC day, become one. No sum changes. What
// all keys did together has rows by the day already, so there the finer ones are only deleted.

// keysAtOnce bounds the memory and the locks of one transaction: a key has at most 96 quarters of an hour by three vantages.
const keysAtOnce = 100

// rollUp takes up the days that have grown old enough, the oldest first, and notes each that is done.
func (db *DB) rollUp(ctx context.Context, now time.Time) error {
	if _, err := db.advance(ctx, now); err != nil {
		return err
	}
	return db.alone(ctx, lockRollUp, func(conn *pgx.Conn) error {
		var b borders
		if err := conn.QueryRow(ctx, selectBorders).Scan(b.places()...); err != nil {
			return fmt.Errorf("cannot read how far statistics are rolled up: %w", public(err))
		}
		for _, step := range []struct {
			to          grain
			from, until time.Time
			done        string
		}{
			{grainHour, b.quartersRolled, b.quarters, `UPDATE retention SET quarters_rolled = $1`},
			{grainDay, b.hoursRolled, b.hours, `UPDATE retention SET hours_rolled = $1`},
		} {
			if err := rollUpDays(ctx, conn, step.to, step.from, step.until, step.done); err != nil {
				return fmt.Errorf("cannot roll up statistics: %w", public(err))
			}
		}
		return nil
	})
}

func rollUpDays(ctx context.Context, conn *pgx.Conn, to grain, from, until time.Time, done string) error {
	const oldest = `SELECT min(bucket) FROM usage_counts WHERE grain < $1 AND bucket >= $2 AND bucket < $3`
	if !from.Before(until) {
		return nil
	}
	var first *time.Time
	if err := conn.QueryRow(ctx, oldest, to, from, until).Scan(&first); err != nil {
		return err
	}
	if first != nil {
		for d := first.UTC().Truncate(day); d.Before(until); d = d.Add(day) {
			if err := rollUpDay(ctx, conn, to, d); err != nil {
				return err
			}
			if _, err := conn.Exec(ctx, done, d.Add(day)); err != nil {
				return err
			}
		}
	}
	_, err := conn.Exec(ctx, done, until)
	return err
}

func rollUpDay(ctx context.Context, conn *pgx.Conn, to grain, d time.Time) error {
	rows, err := conn.Query(ctx, `SELECT DISTINCT key FROM usage_counts WHERE grain < $1 AND bucket >= $2 AND bucket < $3`, to, d, d.Add(day))
	if err != nil {
		return err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return err
	}
	slices.Sort(keys)
	for some := range slices.Chunk(keys, keysAtOnce) {
		if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return rollUpKeys(ctx, tx, to, some, d) }); err != nil {
			return err
		}
	}
	return nil
}

// What is of the length already is taken along, so that there is one row to a period again.
const takeFiner = `
DELETE FROM usage_counts s
WHERE s.key = ANY ($1) AND s.grain <= $2 AND s.bucket >= $3 AND s.bucket < $4 AND NOT (s.key < 0 AND s.grain = 2)
RETURNING ` + countsFields

func rollUpKeys(ctx context.Context, tx pgx.Tx, to grain, keys []int32, d time.Time) error {
	// Whoever moves rows of statistics about does so alone.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockCompaction); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, takeFiner, keys, to, d, d.Add(day))
	if err != nil {
		return err
	}
	finer := statistics{}
	if err := finer.addRows(rows); err != nil {
		return err
	}
	return finer.by(to).write(ctx, tx)
}

// by sums statistics up by longer periods.
func (s statistics) by(g grain) statistics {
	sums := statistics{}
	for p, t := range s {
		if p.key < nobody && g == grainDay {
			continue // counted by the day all along
		}
		sums.at(period{p.key, g, p.vantage, p.bucket - mod(p.bucket, g.micros())}).absorb(t)
	}
	return sums
}

// absorb adds what another period grew by.
func (t *tally) absorb(o *tally) {
	for i := range o.cells {
		f := &o.cells[i]
		sum := t.figures(f.cell)
		sum.merge(f)
		sum.latency.Merge(f.latency)
	}
	for agent := range o.seen {
		t.seen[agent] = struct{}{}
	}
}
