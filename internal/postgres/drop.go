package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// dropPatience is how long a step of dropping waits for others. What it could not do is done at the next run.
const dropPatience = time.Second

// dropEvents seals the days whose events have been kept long enough, and drops the partitions of those days. Each step is a
// statement of its own, and what was done is read from the catalogue, so a job that was killed is taken up where it ended.
//
// No writer waits for it: DETACH CONCURRENTLY holds no lock that an INSERT minds while it waits for queries that still use the
// partition, and by the time of DROP the table is nobody's.
func (db *DB) dropEvents(ctx context.Context, now time.Time) error {
	b, err := db.advance(ctx, now)
	if err != nil {
		return err
	}
	return db.alone(ctx, lockDropping, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `SELECT set_config('lock_timeout', $1, false)`, strconv.FormatInt(dropPatience.Milliseconds(), 10)); err != nil {
			return fmt.Errorf("cannot prepare to drop partitions: %w", public(err))
		}
		expired, err := expiredPartitions(ctx, conn, b.sealed)
		if err != nil {
			return fmt.Errorf("cannot list partitions to drop: %w", public(err))
		}
		for _, p := range expired {
			if err := p.drop(ctx, conn); err != nil { // the next could not be detached before this one
				return fmt.Errorf("cannot drop partition %s yet: %w", p.name, public(err))
			}
		}
		return nil
	})
}

// expired is a table of sealed events.
type expired struct {
	name     string
	attached bool
	pending  bool // a DETACH CONCURRENTLY has begun and not ended
}

// A partition that is detached already is known by its name.
const listExpired = `
SELECT c.relname::text, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relkind = 'r' AND c.relname ~ '^audit_logs_[0-9]{4}w[0-9]{2}$'
	AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'audit_logs'::regclass)
ORDER BY c.relname`

func expiredPartitions(ctx context.Context, conn *pgx.Conn, sealed time.Time) ([]expired, error) {
	rows, err := conn.Query(ctx, listExpired)
	if err != nil {
		return nil, err
	}
	var list []expired
	var p expired
	_, err = pgx.ForEachRow(rows, []any{&p.name, &p.attached, &p.pending}, func() error {
		if week, ok := weekOf(p.name); ok && !week.end.After(sealed) {
			list = append(list, p)
		}
		return nil
	})
	return list, err
}

var eventPartition = regexp.MustCompile(`^audit_logs_(\d{4})w(\d{2})$`)

// weekOf reads the name that weekly gave.
func weekOf(name string) (partition, bool) {
	m := eventPartition.FindStringSubmatch(name)
	if m == nil {
		return partition{}, false
	}
	year, _ := strconv.Atoi(m[1])
	week, _ := strconv.Atoi(m[2])
	// ISO 8601: January 4 is in the first week.
	p := weekly("audit_logs", time.Date(year, 1, 4+7*(week-1), 0, 0, 0, 0, time.UTC))
	return p, p.name == name
}

func (p expired) drop(ctx context.Context, conn *pgx.Conn) error {
	name := pgx.Identifier{p.name}.Sanitize()
	var steps []string
	switch {
	case p.pending:
		steps = append(steps, `ALTER TABLE audit_logs DETACH PARTITION `+name+` FINALIZE`)
	case p.attached:
		steps = append(steps, `ALTER TABLE audit_logs DETACH PARTITION `+name+` CONCURRENTLY`)
	}
	for _, step := range append(steps, `DROP TABLE `+name) {
		if _, err := conn.Exec(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// alone runs fn on a session of its own that holds an advisory lock, or not at all while another process does: jobs are run
// once, but one that was given up may still be under way.
func (db *DB) alone(ctx context.Context, lock int64, fn func(*pgx.Conn) error) error {
	conn, err := db.jobs.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("cannot connect to Postgres: %w", public(err))
	}
	defer conn.Release()
	defer conn.Conn().Close(context.WithoutCancel(ctx)) // ends the session, and with it the lock and the settings
	var mine bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, lock).Scan(&mine); err != nil {
		return fmt.Errorf("cannot ask for the lock of other processes: %w", public(err))
	}
	if !mine {
		return nil
	}
	// The end of the session gives the lock back, too, but some time after Close; whoever asks next would be turned away.
	defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, lock)
	return fn(conn.Conn())
}
