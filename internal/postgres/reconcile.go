package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// ReconcileConfig narrows a [Reconcile]. The zero value compares everything.
type ReconcileConfig struct {
	// From and To bound the days, half-open; they are floored to UTC midnight. Zero: no bound.
	From, To time.Time
	// MaxDifferences bounds what is returned; all are counted. Zero means 1,000.
	MaxDifferences int
}

// Difference is one figure that is not what a recount of the events gives.
type Difference struct {
	// Key is the public id of a key; empty for what is nobody's usage; "every live key", "every sandbox key" for what is
	// kept of all users' keys together, which is compared with the statistics of the single ones.
	Key string
	// Bucket is the beginning of the quarter of an hour, or of the UTC day where all keys together differ.
	Bucket  time.Time
	Vantage usage.Vantage
	// Dimension and Value say which figure: "endpoint", "POST /payments"; "total", ""; "agent", the hash of its id.
	Dimension, Value string
	// Column is what differs. Stored and Counted are its values; "" for a row that is missing.
	Column, Stored, Counted string
}

// Report is the outcome of a [Reconcile].
type Report struct {
	// Events were recounted; Rows and Agents are the rows of statistics and of agent activity that should be there.
	Events, Rows, Agents int64
	// Sealed is the number of days that have statistics and were skipped, because their events have been dropped.
	Sealed int64
	// Total is the number of differences, of which Differences are the first.
	Total       int
	Differences []Difference
}

// Equal reports whether the statistics are exactly what the events say.
func (r *Report) Equal() bool { return r.Total == 0 }

// Reconcile compares the statistics with a recount of the events, figure by figure, in one snapshot of the database:
// writers may go on meanwhile. It goes day by day, so its memory does not grow with the number of events.
func Reconcile(ctx context.Context, db *DB, cfg ReconcileConfig) (*Report, error) {
	if cfg.MaxDifferences == 0 {
		cfg.MaxDifferences = 1000
	}
	report := &Report{}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	whole := cfg.From.IsZero() && cfg.To.IsZero()
	err := pgx.BeginTxFunc(ctx, db.ingest, options, func(tx pgx.Tx) error {
		var err error
		if report.Sealed, err = skipSealed(ctx, tx, &cfg); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', '0', true)`); err != nil {
			return err
		}
		days, err := daysWithData(ctx, tx, cfg)
		if err != nil {
			return err
		}
		for _, day := range days {
			if err := reconcileDay(ctx, tx, day, cfg.MaxDifferences, report); err != nil {
				return err
			}
		}
		if whole {
			return reconcileActivity(ctx, tx, cfg.MaxDifferences, report)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot compare statistics with events: %w", public(err))
	}
	return report, nil
}

// selectDays finds the days by the smallest and largest of each table, which the primary keys do not give cheaply, so it
// reads the partitions once; statistics count too, for there may be some without events.
const selectDays = `
SELECT DISTINCT (time AT TIME ZONE 'UTC')::date AS day FROM audit_logs WHERE time >= $1 AND time < $2
UNION SELECT DISTINCT (bucket AT TIME ZONE 'UTC')::date FROM usage_counts WHERE bucket >= $1 AND bucket < $2
ORDER BY day`

func daysWithData(ctx context.Context, tx pgx.Tx, cfg ReconcileConfig) ([]time.Time, error) {
	from, to := cfg.From.UTC().Truncate(24*time.Hour), cfg.To.UTC().Truncate(24*time.Hour)
	if cfg.To.IsZero() {
		to = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	rows, err := tx.Query(ctx, selectDays, from, to)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[time.Time])
}

// differing is one row of a comparison.
type differing struct {
	Key             string
	Bucket          time.Time
	Vantage         usage.Vantage
	Dimension       int
	Value           string
	Stored, Counted []*string
}

// comparison is a statement that compares what is stored of a day, from $1 to $2, with what it should be. It answers how
// many rows there should be, and the rows that differ.
type comparison struct {
	statement string
	args      []any
	columns   []string
}

var statisticsColumns = []string{"count", "errors", "duration_us", "payments", "agents", "services", "volume", "fees"}

func reconcileDay(ctx context.Context, tx pgx.Tx, day time.Time, most int, report *Report) error {
	next := day.AddDate(0, 0, 1)
	var events, rows, agents int64
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM audit_logs WHERE time >= $1 AND time < $2`, day, next).Scan(&events); err != nil {
		return err
	}
	report.Events += events
	cells := comparison{recountCells, []any{usageconv.EventPaymentCompleted, usageconv.OperationAgentsCreate, usageconv.EventAgentCreated,
		usageconv.OperationServicesCreate, usageconv.EventServiceCreated}, statisticsColumns}
	if err := cells.run(ctx, tx, day, most, report, &rows); err != nil {
		return err
	}
	seen := comparison{recountAgents, nil, []string{"seen"}}
	if err := seen.run(ctx, tx, day, most, report, &agents); err != nil {
		return err
	}
	report.Rows, report.Agents = report.Rows+rows, report.Agents+agents
	for _, c := range []comparison{
		{recountLatencies, []any{latencyBounds()}, []string{"latency"}},
		{recountTogether, nil, statisticsColumns},
		{recountLatencyTogether, nil, []string{"latency"}},
	} {
		if err := c.run(ctx, tx, day, most, report, new(int64)); err != nil {
			return err
		}
	}
	return nil
}

func (c comparison) run(ctx context.Context, tx pgx.Tx, day time.Time, most int, report *Report, rows *int64) error {
	var text []byte
	args := append([]any{day, day.AddDate(0, 0, 1)}, c.args...)
	if err := tx.QueryRow(ctx, c.statement, args...).Scan(rows, &text); err != nil {
		return err
	}
	return report.add(text, most, c.columns)
}

// reconcileActivity compares when keys were last seen with all statistics.
func reconcileActivity(ctx context.Context, tx pgx.Tx, most int, report *Report) error {
	var text []byte
	if err := tx.QueryRow(ctx, recountActivity).Scan(&text); err != nil {
		return err
	}
	return report.add(text, most, []string{"last"})
}

var dimensionNames = []string{
	"total", "endpoint", "sdk", "country", "operation", "event_name", "service", "payments", "claimed_payments",
	"organization", "agent", "last_seen",
}

// add notes the figures of rows that differ.
func (r *Report) add(text []byte, most int, columns []string) error {
	var rows []differing
	if err := json.Unmarshal(text, &rows); err != nil {
		return err
	}
	for _, row := range rows {
		d := Difference{Key: row.Key, Bucket: row.Bucket.UTC(), Vantage: row.Vantage, Dimension: dimensionNames[row.Dimension], Value: row.Value}
		for i, column := range columns {
			d.Column, d.Stored, d.Counted = column, orEmpty(row.Stored[i]), orEmpty(row.Counted[i])
			if d.Stored != d.Counted {
				r.note(d, most)
			}
		}
	}
	return nil
}

func (r *Report) note(d Difference, most int) {
	r.Total++
	if len(r.Differences) < most {
		r.Differences = append(r.Differences, d)
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// latencyBounds are the lower bounds, in microseconds, of the latency buckets from 1 on: width_bucket over them is
// exactly usage.LatencyBucket, with no logarithm that two programs might round differently.
var latencyBounds = func() func() []int32 {
	last := usage.LatencyBucket(usage.MaxLatency)
	bounds := make([]int32, last)
	for bucket := 1; bucket <= last; bucket++ {
		low, high := int64(0), int64(usage.MaxLatency)
		for low < high {
			middle := (low + high) / 2
			if usage.LatencyBucket(middle) >= bucket {
				high = middle
			} else {
				low = middle + 1
			}
		}
		bounds[bucket-1] = int32(low)
	}
	return func() []int32 { return slices.Clone(bounds) }
}()
