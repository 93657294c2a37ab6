//go:build linux

package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/history"
)

// database reads what a check compares. It knows the tables on its own, so that no mistake of the writer is repeated.
type database struct{ dsn string }

var _ history.Database = database{}

const observeTimeout = 2 * time.Minute

// The agent's name is the sender's name for the event. Of flags, bit 0 says that a call failed, 4 and 5 are the kind of the event (2: custom),
// 6 and 7 the vantage as in usage.Vantage.
const (
	observeRows = `
SELECT coalesce(a.agent, ''), coalesce(k.id, ''), (ARRAY['', 'server', 'client'])[(a.flags >> 6 & 3) + 1], a.time,
       coalesce(n.value, ''), CASE WHEN a.flags >> 4 & 3 = 2 THEN '' ELSE coalesce(e.value, '') END, a.flags & 1 = 1, CASE WHEN a.flags >> 4 & 3 = 2 THEN 0 ELSE a.duration_us END,
       coalesce(c.value, ''), coalesce((a.amount * 1000000)::bigint, 0)
FROM audit_logs a
LEFT JOIN api_keys k ON k.seq = a.key
LEFT JOIN dictionary e ON e.id = a.endpoint
LEFT JOIN dictionary n ON n.id = a.event_name
LEFT JOIN dictionary c ON c.id = a.currency`
	observeCells = `
SELECT coalesce(k.id, ''), (ARRAY['', 'server', 'client'])[s.vantage + 1], s.bucket, s.dimension, coalesce(d.value, ''),
       s.count::bigint, s.errors::bigint, s.duration_us::bigint, coalesce((s.volume * 1000000)::bigint, 0)
FROM usage_statistics s
LEFT JOIN api_keys k ON k.seq = s.key
LEFT JOIN dictionary d ON d.id = s.value
WHERE s.dimension IN (0, 1, 5, 7)`
	observeLedger = `
SELECT coalesce(k.id, ''), l.hour, l.outcome, sum(l.count)::bigint
FROM ingest_ledger l
LEFT JOIN api_keys k ON k.seq = l.key
WHERE l.outcome NOT LIKE 'note:%'
GROUP BY k.id, l.hour, l.outcome`
)

// Observe implements history.Database.
func (d database) Observe() (history.Observed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), observeTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.dsn)
	if err != nil {
		return history.Observed{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var o history.Observed
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, conn, snapshot, func(tx pgx.Tx) error {
		if o.Rows, err = collect(ctx, tx, observeRows, scanRow); err != nil {
			return fmt.Errorf("cannot read the events: %w", err)
		}
		if o.Statistics, err = collect(ctx, tx, observeCells, scanCell); err != nil {
			return fmt.Errorf("cannot read the statistics: %w", err)
		}
		if o.Ledger, err = collect(ctx, tx, observeLedger, scanLedger); err != nil {
			return fmt.Errorf("cannot read the ledger: %w", err)
		}
		return nil
	})
	return o, err
}

func collect[T any](ctx context.Context, tx pgx.Tx, sql string, scan pgx.RowToFunc[T]) ([]T, error) {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

func scanRow(row pgx.CollectableRow) (r history.Row, err error) {
	err = row.Scan(&r.ID, &r.Key, &r.Vantage, &r.Time, &r.Name, &r.Endpoint, &r.Failed, &r.DurationMicros, &r.Currency, &r.AmountMicros)
	return r, err
}

// dimensions of usage_statistics that are checked.
var dimensions = map[int16]history.Dimension{0: history.Total, 1: history.ByEndpoint, 5: history.ByName, 7: history.ByCurrency}

func scanCell(row pgx.CollectableRow) (c history.Cell, err error) {
	var dimension int16
	err = row.Scan(&c.Key, &c.Vantage, &c.Bucket, &dimension, &c.Value, &c.Count, &c.Errors, &c.DurationMicros, &c.AmountMicros)
	switch c.Dimension = dimensions[dimension]; c.Dimension {
	case history.Total:
		c.Value = ""
	case history.ByName, history.ByCurrency:
		c.Errors, c.DurationMicros = 0, 0
	}
	return c, err
}

func scanLedger(row pgx.CollectableRow) (l history.LedgerRow, err error) {
	err = row.Scan(&l.Key, &l.Hour, &l.Outcome, &l.Count)
	return l, err
}

// keyID is the public id of a key that is told by its last four characters.
func (d database) keyID(ctx context.Context, key string) (string, error) {
	conn, err := pgx.Connect(ctx, d.dsn)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var id string
	err = conn.QueryRow(ctx, "SELECT id FROM api_keys WHERE right(hint, 4) = $1", key[len(key)-4:]).Scan(&id)
	return id, err
}
