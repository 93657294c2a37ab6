package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const insertUndated = `
INSERT INTO undated_events (received, id, key)
SELECT now(), id, key FROM unnest($1::int[], $2::uuid[]) AS e (key, id) ORDER BY key, id
ON CONFLICT DO NOTHING
RETURNING key, id`

// dropSeenUndated leaves out undated events that were received before.
func dropSeenUndated(ctx context.Context, tx pgx.Tx, records []*record) (fresh, repeats []*record, err error) {
	var keys []int32
	var ids []pgtype.UUID
	for _, r := range records {
		if r.undated {
			keys = append(keys, r.key)
			ids = append(ids, pgtype.UUID{Bytes: r.event.ID, Valid: true})
		}
	}
	if len(ids) == 0 {
		return records, nil, nil
	}
	rows, err := tx.Query(ctx, insertUndated, keys, ids)
	if err != nil {
		return nil, nil, err
	}
	first := make(map[identity]struct{}, len(ids))
	var key int32
	var id pgtype.UUID
	if _, err := pgx.ForEachRow(rows, []any{&key, &id}, func() error {
		first[identity{key: key, id: id.Bytes}] = struct{}{}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for _, r := range records {
		if _, ok := first[r.identity()]; ok || !r.event.Undated {
			fresh = append(fresh, r)
		} else {
			repeats = append(repeats, r)
		}
	}
	return fresh, repeats, nil
}

const findStored = `
SELECT w.n
FROM unnest($1::int[], $2::timestamptz[], $3::uuid[]) WITH ORDINALITY AS w (key, time, id, n)
JOIN audit_logs a ON a.key = w.key AND a.time = w.time AND a.id = w.id
WHERE a.time >= $4 AND a.time <= $5`

// dropStored leaves out events that are in the table already. Only those that are suspected are looked up.
func dropStored(ctx context.Context, q querier, records []*record, suspected func(*record) bool) (fresh, repeats []*record, err error) {
	var suspects []int
	for i, r := range records {
		if suspected(r) {
			suspects = append(suspects, i)
		}
	}
	if len(suspects) == 0 {
		return records, nil, nil
	}
	keys, times, ids := make([]int32, len(suspects)), make([]time.Time, len(suspects)), make([]pgtype.UUID, len(suspects))
	first, last := records[suspects[0]].micros, records[suspects[0]].micros
	for n, i := range suspects {
		r := records[i]
		keys[n], times[n], ids[n] = r.key, time.UnixMicro(r.micros), pgtype.UUID{Bytes: r.event.ID, Valid: true}
		first, last = min(first, r.micros), max(last, r.micros)
	}
	rows, err := q.Query(ctx, findStored, keys, times, ids, time.UnixMicro(first), time.UnixMicro(last))
	if err != nil {
		return nil, nil, err
	}
	stored := make([]bool, len(records))
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&n}, func() error { stored[suspects[n-1]] = true; return nil }); err != nil {
		return nil, nil, err
	}
	for i, r := range records {
		if stored[i] {
			repeats = append(repeats, r)
		} else {
			fresh = append(fresh, r)
		}
	}
	return fresh, repeats, nil
}

// insertDirect copies events that are expected to be new; the whole transaction fails when one is not.
func insertDirect(ctx context.Context, tx pgx.Tx, records []*record) error {
	if len(records) == 0 {
		return nil
	}
	return copyInto(ctx, tx, "audit_logs", inTimeOrder(records))
}

const (
	createStaging = `CREATE TEMP TABLE IF NOT EXISTS audit_staging (LIKE audit_logs) ON COMMIT DELETE ROWS`
	clearStaging  = `DELETE FROM audit_staging`
	insertStaged  = `
INSERT INTO audit_logs SELECT * FROM audit_staging ORDER BY time, key, id
ON CONFLICT DO NOTHING
RETURNING key, time, id`
)

// insertStagedEvents inserts events of which some may be there, and tells which were not.
func insertStagedEvents(ctx context.Context, tx pgx.Tx, records []*record) (stored, repeats []*record, err error) {
	if len(records) == 0 {
		return nil, nil, nil
	}
	if _, err := tx.Exec(ctx, createStaging); err != nil {
		return nil, nil, err
	}
	if _, err := tx.Exec(ctx, clearStaging); err != nil {
		return nil, nil, err
	}
	if err := copyInto(ctx, tx, "audit_staging", records); err != nil {
		return nil, nil, err
	}
	rows, err := tx.Query(ctx, insertStaged)
	if err != nil {
		return nil, nil, err
	}
	inserted := make(map[identity]struct{}, len(records))
	var key int32
	var at time.Time
	var id pgtype.UUID
	if _, err := pgx.ForEachRow(rows, []any{&key, &at, &id}, func() error {
		inserted[identity{key, at.UnixMicro(), id.Bytes}] = struct{}{}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for _, r := range records {
		if _, ok := inserted[identity{r.key, r.micros, r.event.ID}]; ok {
			stored = append(stored, r)
		} else {
			repeats = append(repeats, r)
		}
	}
	return stored, repeats, nil
}

// isolate inserts events of which some cannot be stored: it halves the batch until each of those is alone. One bad
// event in n costs about 2·log2(n) statements.
func isolate(ctx context.Context, tx pgx.Tx, records []*record) (stored, repeats, bad []*record, err error) {
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
		var err error
		stored, repeats, err = insertStagedEvents(ctx, tx, records)
		return err
	})
	switch {
	case err == nil:
		return stored, repeats, nil, nil
	case classify(err) != failureData:
		return nil, nil, nil, err
	case len(records) == 1:
		return nil, nil, records, nil
	}
	half := len(records) / 2
	stored, repeats, bad, err = isolate(ctx, tx, records[:half])
	if err != nil {
		return nil, nil, nil, err
	}
	s, r, b, err := isolate(ctx, tx, records[half:])
	return append(stored, s...), append(repeats, r...), append(bad, b...), err
}
