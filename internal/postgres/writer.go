package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// WriterConfig bounds a [Writer].
type WriterConfig struct {
	// CardinalityLimit is how many distinct values of an endpoint, SDK, country and so on a key may use in a UTC day;
	// the rest is counted under "other". Zero means 500.
	CardinalityLimit int
}

// Writer stores usage. It may be used from many goroutines, and by many processes on one database.
//
// What is written together is one transaction: events, statistics, ledger. A batch that was committed before is recognised and
// only counted as repeated. New events are copied directly. Those that were sent again before are looked up; a delivery that
// still meets an event which is there already is looked up whole, and goes through a staging table when others write the
// same events at the same time. One with an event that Postgres refuses for its content is taken apart.
//
// Every transaction touches the tables in one order (undated_events, audit_logs, reported_totals, quarantine, admissions,
// key_activity) and the rows of each in the order of its primary key, so writers wait for each other but do not deadlock. To
// usage_counts and ingest_ledger it only appends. What most deliveries have in common comes last.
type Writer struct {
	db         *DB
	holders    *holders
	dictionary *dictionary
	admissions *admissions
	activity   *activity
	committed  *committed
	recent     *recent
	claims     *claims
}

var _ usage.Writer = (*Writer)(nil)

// NewWriter makes a writer with empty caches.
func NewWriter(db *DB, cfg WriterConfig) *Writer {
	if cfg.CardinalityLimit == 0 {
		cfg.CardinalityLimit = 500
	}
	return &Writer{
		db:         db,
		holders:    newHolders(db.ingest),
		dictionary: newDictionary(db.ingest),
		admissions: newAdmissions(cfg.CardinalityLimit),
		activity:   newActivity(),
		committed:  newCommitted(),
		recent:     newRecent(),
		claims:     newClaims(db.ingest),
	}
}

// way is how the events of a batch get into their table.
type way int

const (
	wayDirect  way = iota // those that are not suspected are expected to be new
	wayChecked            // all are suspected
	wayStaged             // some are there already, or come to be at the same time
	wayTaken              // taken apart: some cannot be stored
)

// maxTries bounds the tries of a batch that another transaction was in the way of. The sender tries again after that.
const maxTries = 5

// Write implements usage.Writer.
func (w *Writer) Write(ctx context.Context, batches ...*usage.Batch) (usage.Receipt, error) {
	d, err := w.prepare(ctx, batches)
	if err != nil {
		return usage.Receipt{}, fmt.Errorf("cannot prepare %d batches: %w", len(batches), public(err))
	}
	defer d.release()
	for try, by := 1, wayDirect; ; try++ {
		receipt, err := w.store(ctx, d, by)
		if err == nil {
			w.claims.note(ctx, d.records)
			return receipt, nil
		}
		switch kind := classify(err); {
		case kind == failureRepeat && by < wayStaged:
			by, try = by+1, 0
		case kind == failureData && by != wayTaken:
			by, try = wayTaken, 0
		case kind == failureBusy && try < maxTries && pause(ctx, try):
		case kind == failureData:
			return usage.Receipt{}, usage.Permanent(fmt.Errorf("cannot store %d events: %w", len(d.all), public(err)))
		default:
			return usage.Receipt{}, fmt.Errorf("cannot store %d events: %w", len(d.all), public(err))
		}
	}
}

// pause waits a little, at random, so that two transactions do not meet again; false when ctx ended.
func pause(ctx context.Context, try int) bool {
	return pauseFor(ctx, time.Duration(try)*time.Duration(1+rand.IntN(10))*time.Millisecond)
}

// pauseFor is false when ctx ended.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// store runs one transaction. It leaves the delivery as it was, so that it can run again.
func (w *Writer) store(ctx context.Context, d *delivery, by way) (usage.Receipt, error) {
	var out *outcome
	var admission *decision
	var seen []activePeriod
	err := pgx.BeginTxFunc(ctx, w.db.ingest, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		out = newOutcome(d)
		fresh, repeats, err := dropSeenUndated(ctx, tx, d.records)
		if err != nil {
			return err
		}
		out.repeat(repeats)
		// Repeated events use their key's allowances too: their values are in the dictionary by now, and one event, sent
		// again and again with other values, could otherwise grow it for ever.
		if admission, err = w.admissions.admit(ctx, tx, d); err != nil {
			return err
		}
		if fresh, err = w.dropStored(ctx, tx, out, fresh, by); err != nil {
			return err
		}
		if err := out.insert(ctx, tx, fresh, by); err != nil {
			return err
		}
		counts := count(d.words, out.stored)
		defer counts.release()
		seen = w.activity.news(counts)
		counts.together(d.holders, admission.view.together)
		if err := out.account(ctx, tx, d, counts, by); err != nil {
			return err
		}
		if err := admission.keep(ctx, tx, w.admissions.limit); err != nil {
			return err
		}
		return writeActivity(ctx, tx, seen)
	})
	if err != nil {
		return usage.Receipt{}, err
	}
	w.admissions.remember(admission.view)
	w.activity.remember(seen)
	w.remember(d.parts, out.stored)
	w.recent.add(out.repeated)
	return out.receipt(), nil
}

func always(*record) bool { return true }

// dropStored leaves out what is stored already, as far as it is suspected.
func (w *Writer) dropStored(ctx context.Context, tx pgx.Tx, out *outcome, records []*record, by way) ([]*record, error) {
	suspected := w.recent.has
	switch by {
	case wayChecked:
		suspected = always
	case wayStaged, wayTaken: // the table itself says
		return records, nil
	}
	fresh, repeats, err := dropStored(ctx, tx, records, suspected)
	out.repeated = append(out.repeated, repeats...)
	out.repeat(repeats)
	return fresh, err
}
