package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

const day = 24 * time.Hour

// Retention says how long what is kept. What is older is gone, or coarser, about a day later; events, which are dropped by the
// week, up to a week later.
type Retention struct {
	// Events are kept that long, and with them quarantined records, reported metrics and refused calls.
	Events time.Duration
	// QuarterHours is how long statistics are kept by the quarter of an hour.
	QuarterHours time.Duration
	// Hours is how long they are kept by the hour after that, counted from now too, and the ledger of what was received.
	// By the UTC day they are kept for ever.
	Hours time.Duration
}

// DefaultRetention fits every accepted window.
var DefaultRetention = Retention{Events: 401 * day, QuarterHours: 401 * day, Hours: 800 * day}

const (
	// eventSlack is how much longer than the accepted window events are kept: a batch may be under way, clocks may differ.
	eventSlack = day
	// minQuarterHours lets every window of thirteen months be asked for in any time zone.
	minQuarterHours = 400 * day
)

// Check names everything that is wrong with keeping data that long while events of a window are accepted.
func (r Retention) Check(w usage.Window) []error {
	var errs []error
	check := func(name string, is, least time.Duration, reason string) {
		if is < least {
			errs = append(errs, fmt.Errorf("`retention::%s` must be at least %dh (%s), not %s", name, (least+time.Hour-1)/time.Hour, reason, is))
		}
	}
	check("events", r.Events, w.Past+eventSlack, "`accepted_window::past` and a day: an event whose first copy is gone would count twice")
	check("quarter_hours", r.QuarterHours, max(minQuarterHours, r.Events), "400 days, and as long as events, with which they are compared")
	check("hours", r.Hours, r.QuarterHours, "as long as quarter_hours")
	return errs
}

// borders are the row of the table retention.
type borders struct {
	sealed, quarters, hours     time.Time
	quartersRolled, hoursRolled time.Time
}

const selectBorders = `SELECT sealed_before, quarters_from, hours_from, quarters_rolled, hours_rolled FROM retention`

func (b *borders) places() []any {
	return []any{&b.sealed, &b.quarters, &b.hours, &b.quartersRolled, &b.hoursRolled}
}

func (db *DB) borders(ctx context.Context) (b borders, err error) {
	err = db.ingest.QueryRow(ctx, selectBorders).Scan(b.places()...)
	if err != nil {
		return b, fmt.Errorf("cannot read how far data has been dropped: %w", public(err))
	}
	return b, nil
}

// check refuses a window in which events would be accepted whose first copy may have been dropped.
func (b *borders) check(w usage.Window, now time.Time) error {
	if oldest := now.Add(-w.Past); oldest.Before(b.sealed) {
		return fmt.Errorf("`accepted_window::past` of %s reaches back to %s, but events before %s have been dropped and would count twice; set it to %dh or less",
			w.Past, oldest.UTC().Format(time.DateOnly), b.sealed.UTC().Format(time.DateOnly), now.Sub(b.sealed)/time.Hour)
	}
	return nil
}

// at is where the borders belong at a moment; they never move back.
func (b borders) at(now time.Time, r Retention, w usage.Window) borders {
	b.sealed = later(b.sealed, weekly("audit_logs", now.Add(-max(r.Events, w.Past+eventSlack))).start)
	b.quarters = later(b.quarters, sooner(b.sealed, now.Add(-r.QuarterHours).UTC().Truncate(day)))
	b.hours = later(b.hours, sooner(b.quarters, now.Add(-r.Hours).UTC().Truncate(day)))
	return b
}

const (
	updateBorders = `
UPDATE retention SET sealed_before = $1, quarters_from = $2, hours_from = $3
WHERE (sealed_before, quarters_from, hours_from) <> ($1, $2, $3)`
	// What is sealed is counted once more, for the ledger to be compared with. flags & 2 is flagTrusted.
	countSealed = `
INSERT INTO brought_forward AS b (key, events, trusted)
SELECT key, count(*) FILTER (WHERE flags & 2 = 0), count(*) FILTER (WHERE flags & 2 <> 0)
FROM audit_logs WHERE time >= $1 AND time < $2 GROUP BY key ORDER BY key
ON CONFLICT (key) DO UPDATE SET events = b.events + excluded.events, trusted = b.trusted + excluded.trusted`
)

// advance moves the borders to where they belong. It comes before anything is dropped or coarsened, so that nobody takes what
// is half gone for whole. Only the job that seals a week waits for its events to be counted; writers and readers do not.
func (db *DB) advance(ctx context.Context, now time.Time) (b borders, err error) {
	err = pgx.BeginFunc(ctx, db.jobs, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, selectBorders+` FOR UPDATE`).Scan(b.places()...); err != nil {
			return err
		}
		before := b.sealed
		b = b.at(now, db.retention, db.window)
		if b.sealed.After(before) {
			if _, err := tx.Exec(ctx, countSealed, before, b.sealed); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, updateBorders, b.sealed, b.quarters, b.hours)
		return err
	})
	if err != nil {
		return b, fmt.Errorf("cannot note how far data is dropped: %w", public(err))
	}
	return b, nil
}

// anyGrain selects rows s of usage_counts of single keys, whatever they have been rolled up to: no two are about the same.
const anyGrain = `s.grain IN (0, 1, 2)`

// queueFit fails the questions of a batch when a window cuts periods that have been rolled up. It is the one place that decides
// whether rows of any length answer a question.
func queueFit(b *pgx.Batch, w analytics.Window) {
	b.Queue(`SELECT quarters_from, hours_from FROM retention`).QueryRow(func(row pgx.Row) error {
		var kept analytics.Kept
		if err := row.Scan(&kept.QuarterHours, &kept.Hours); err != nil {
			return err
		}
		return kept.Fits(&w)
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
