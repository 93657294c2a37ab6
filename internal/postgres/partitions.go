package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// partitionLead is how far beyond the accepted window partitions are kept ready: the time that an operator has
// when creating them fails.
const partitionLead = 14 * 24 * time.Hour

// partition is one table of a partitioned parent, and the half-open span of time that it holds.
type partition struct {
	parent, name string
	start, end   time.Time
}

// weekly and monthly name the partition that holds t.
func weekly(parent string, t time.Time) partition {
	t = t.UTC()
	sinceMonday := (int(t.Weekday()) + 6) % 7
	start := time.Date(t.Year(), t.Month(), t.Day()-sinceMonday, 0, 0, 0, 0, time.UTC)
	year, week := start.ISOWeek()
	return partition{parent, fmt.Sprintf("%s_%04dw%02d", parent, year, week), start, start.AddDate(0, 0, 7)}
}

func monthly(parent string, t time.Time) partition {
	t = t.UTC()
	start := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return partition{parent, fmt.Sprintf("%s_%s", parent, start.Format("2006_01")), start, start.AddDate(0, 1, 0)}
}

// wanted lists the partitions that hold every time from oldest to newest.
func wanted(oldest, newest time.Time) []partition {
	var list []partition
	for p := weekly("audit_logs", oldest); !p.start.After(newest); p = weekly("audit_logs", p.end) {
		list = append(list, p)
	}
	for p := monthly("usage_counts", oldest); !p.start.After(newest); p = monthly("usage_counts", p.end) {
		list = append(list, p)
	}
	return list
}

// createPartitions makes the partitions for the accepted window at a moment, and two weeks more. It never drops one.
func (db *DB) createPartitions(ctx context.Context, now time.Time) error {
	return withLock(ctx, db.ingest, lockMaintenance, func() error {
		existing, err := db.existingPartitions(ctx)
		if err != nil {
			return err
		}
		var failed error
		b, err := db.borders(ctx)
		if err != nil {
			return err
		}
		// What has been dropped stays so: an event that comes again after that would count twice.
		oldest := later(now.Add(-db.window.Past), b.sealed)
		for _, p := range wanted(oldest, now.Add(db.window.Future+partitionLead)) {
			if slices.Contains(existing, p.name) {
				continue
			}
			if err := db.createPartition(ctx, p); err != nil { // the others may still succeed
				failed = errors.Join(failed, fmt.Errorf("cannot create partition %s: %w", p.name, public(err)))
				continue
			}
			existing = append(existing, p.name)
		}
		db.partitions.Store(coverageOf(existing))
		return failed
	})
}

// findPartitions looks which partitions there are.
func (db *DB) findPartitions(ctx context.Context) error {
	existing, err := db.existingPartitions(ctx)
	if err == nil {
		db.partitions.Store(coverageOf(existing))
	}
	return err
}

func (db *DB) existingPartitions(ctx context.Context) ([]string, error) {
	const list = `
		SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent IN ('audit_logs'::regclass, 'usage_counts'::regclass) AND NOT i.inhdetachpending`
	rows, err := db.ingest.Query(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("cannot list partitions: %w", public(err))
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("cannot list partitions: %w", public(err))
	}
	return names, nil
}

// withoutStatistics are columns that no question filters, joins or groups by, so that the planner need not know them. ANALYZE,
// which autovacuum runs each minute while events come in, spends most of its time on the elements of arrays.
var withoutStatistics = map[string][]string{
	"audit_logs":   auditColumns[3:],  // after time, id, key
	"usage_counts": countsColumns[4:], // after bucket, key, grain, vantage
}

// partitionSettings are what a partition has of its own, beside withoutStatistics.
//
// Autovacuum would go over events again as their number grows, only to mark them. Whatever marks a page that was written before
// the last checkpoint logs it whole, which is half as much as its events took. Autovacuum still does so when transaction numbers
// run out, if events are kept that long. ANALYZE marks what it reads, so it reads a tenth of what it would by default.
var partitionSettings = map[string]string{
	"audit_logs": `SET (autovacuum_vacuum_insert_threshold = -1),
		ALTER time SET STATISTICS 10, ALTER id SET STATISTICS 10, ALTER key SET STATISTICS 10`,
}

// createPartition makes the table first and attaches it then: that takes a weaker lock of the parent than
// PARTITION OF does, and writers go on. A partition does not inherit row-level security, so it gets its own; without
// a policy of its own, a reader that names it sees nothing.
func (db *DB) createPartition(ctx context.Context, p partition) error {
	var settings []string
	for _, column := range withoutStatistics[p.parent] {
		settings = append(settings, "ALTER "+column+" SET STATISTICS 0")
	}
	if own := partitionSettings[p.parent]; own != "" {
		settings = append(settings, own)
	}
	create := fmt.Sprintf(`
		CREATE TABLE %[2]s (LIKE %[1]s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE);
		ALTER TABLE %[2]s ENABLE ROW LEVEL SECURITY;
		ALTER TABLE %[2]s %[5]s;
		ALTER TABLE %[1]s ATTACH PARTITION %[2]s FOR VALUES FROM ('%[3]s') TO ('%[4]s')`,
		p.parent, p.name, p.start.Format(time.RFC3339), p.end.Format(time.RFC3339),
		strings.Join(settings, ", "))
	return pgx.BeginFunc(ctx, db.ingest, func(tx pgx.Tx) error {
		return execScript(ctx, tx.Conn().PgConn(), create)
	})
}

// execScript runs statements that carry no values of others.
func execScript(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	_, err := conn.Exec(ctx, sql).ReadAll()
	return err
}

// coverage is what the partitions known to this process hold.
type coverage struct{ weeks, months map[string]struct{} }

func coverageOf(names []string) *coverage {
	c := &coverage{weeks: map[string]struct{}{}, months: map[string]struct{}{}}
	for _, name := range names {
		if strings.HasPrefix(name, "audit_logs_") {
			c.weeks[name] = struct{}{}
		} else {
			c.months[name] = struct{}{}
		}
	}
	return c
}

// holds reports whether an event of time t has a place.
func (c *coverage) holds(t time.Time) bool {
	_, week := c.weeks[weekly("audit_logs", t).name]
	_, month := c.months[monthly("usage_counts", t).name]
	return week && month
}

// perDay is [coverage.holds] with a memory: partitions begin and end at midnight UTC.
func (c *coverage) perDay() func(time.Time) bool {
	days := map[int32]bool{}
	return func(t time.Time) bool {
		day := dayOf(t.UnixMicro())
		held, known := days[day]
		if !known {
			held = c.holds(t)
			days[day] = held
		}
		return held
	}
}
