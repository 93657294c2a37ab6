package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// ReconcileConfig narrows a [Reconcile] or [Repair]. The zero value compares everything.
type ReconcileConfig struct {
	// From and To bound the days, half-open; they are floored to UTC midnight. Zero: no bound.
	From, To time.Time
	// MaxDifferences bounds what is returned; all are counted. Zero means 1,000.
	MaxDifferences int

	maxAgents int // for tests
}

// Difference is one figure that is not what a recount of the events gives.
type Difference struct {
	// Key is the public id of a key; empty for what is nobody's usage; "every live key", "every sandbox key" for what is
	// kept of all users' keys together, which is compared with the statistics of the single ones.
	Key string `json:"key"`
	// Bucket is the beginning of the quarter of an hour, or of the UTC day where all keys together differ.
	Bucket  time.Time     `json:"bucket"`
	Vantage usage.Vantage `json:"vantage"`
	// Dimension and Value say which figure: "endpoint", "POST /payments"; "total", ""; "agent", the hash of its id.
	Dimension string `json:"dimension"`
	Value     string `json:"value"`
	// Column is what differs. Stored and Counted are its values; "" for a row that is missing.
	Column  string `json:"column"`
	Stored  string `json:"stored"`
	Counted string `json:"counted"`
}

// Report is the outcome of a [Reconcile] or [Repair].
type Report struct {
	// Events were recounted. Rows are the statistics of single keys that they were compared with, counted once for each batch
	// that added to them as long as those are not merged. Agents are the quarters of an hour in which an agent was active.
	Events int64 `json:"events"`
	Rows   int64 `json:"rows"`
	Agents int64 `json:"agents"`
	// Sealed days with statistics were left out: their events have been dropped.
	Sealed int64 `json:"sealed_days"`
	// Total is the number of differences, of which Differences are the first.
	Total       int          `json:"different"`
	Differences []Difference `json:"differences"`
	// Ledger is compared with what there is; nil when only some days were: it is by hours of receipt.
	Ledger *LedgerReport `json:"ledger,omitempty"`
}

// Equal reports whether the statistics are exactly what the events say, and the ledger, if it was compared, what there is.
func (r *Report) Equal() bool { return r.Total == 0 && r.LedgerEqual() }

// LedgerEqual reports whether the ledger is what there is, or was not compared.
func (r *Report) LedgerEqual() bool { return r.Ledger == nil || r.Ledger.Total == 0 }

// Reconcile compares the statistics with a recount of the events, figure by figure, and the ledger with what is stored, in
// one snapshot of the database: writers may go on meanwhile.
//
// All keys and days are compared by sums first; see reconcile_sums.go. Only those that differ are looked at cell by cell. So
// its memory grows with the number of keys, not with that of events.
func Reconcile(ctx context.Context, db *DB, cfg ReconcileConfig) (*Report, error) {
	var report *Report
	err := withSnapshot(ctx, db, func(txs []pgx.Tx) error {
		var err error
		report, err = reconcileIn(ctx, txs, cfg)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot compare statistics with events: %w", public(err))
	}
	return report, nil
}

// reconcileIn compares in transactions that see the same.
func reconcileIn(ctx context.Context, txs []pgx.Tx, cfg ReconcileConfig) (*Report, error) {
	r, differing, err := findDiffering(ctx, txs, cfg)
	if err != nil {
		return nil, err
	}
	names := &naming{report: r.report, most: cfg.most()}
	for _, at := range differing {
		counted, stored, err := r.exactly(ctx, txs[0], at)
		if err != nil {
			return nil, err
		}
		names.note(compareStatistics(counted, stored))
	}
	if cfg.unbounded() {
		late, err := r.activityDiffering(ctx, txs[0])
		if err != nil {
			return nil, err
		}
		names.note(late)
		if err := r.compareLedger(ctx, txs[0]); err != nil {
			return nil, err
		}
	}
	return r.report, names.resolve(ctx, txs[0])
}

func (c *ReconcileConfig) unbounded() bool { return c.From.IsZero() && c.To.IsZero() }

func (c *ReconcileConfig) most() int {
	if c.MaxDifferences == 0 {
		return 1000
	}
	return c.MaxDifferences
}

// withSnapshot runs fn with transactions that see one snapshot. Two keep two cores busy, one of them in the server.
func withSnapshot(ctx context.Context, db *DB, fn func(txs []pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, db.ingest, options, func(first pgx.Tx) error {
		if _, err := sealedBefore(ctx, first); err != nil { // before the snapshot
			return err
		}
		var snapshot string
		if err := first.QueryRow(ctx, `SELECT pg_export_snapshot()`).Scan(&snapshot); err != nil {
			return err
		}
		// The other pool: two comparisons would else wait for each other's second connection.
		return pgx.BeginTxFunc(ctx, db.read, options, func(second pgx.Tx) error {
			if err := execScript(ctx, second.Conn().PgConn(), `SET TRANSACTION SNAPSHOT '`+snapshot+`'`); err != nil {
				return err
			}
			for _, tx := range []pgx.Tx{first, second} {
				if err := untimed(ctx, tx); err != nil {
					return err
				}
			}
			return fn([]pgx.Tx{first, second})
		})
	})
}

// untimed lets a transaction take as long as it needs, and wait for the other one.
func untimed(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)`)
	return err
}
