package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// outcome is what became of a delivery in one transaction.
type outcome struct {
	stored     []*record
	repeated   []*record // of those that were new to the delivery
	ledger     ledger
	quarantine []quarantined
}

func newOutcome(d *delivery) *outcome {
	out := &outcome{ledger: ledger{}}
	out.repeat(d.repeats)
	for _, r := range d.refused {
		out.refuse(r.key, r.Rejection)
	}
	for _, n := range d.notes {
		out.ledger[ledgerLine{n.key, outcomeNote + string(n.Reason)}] += int64(max(n.Count, 1))
		out.quarantine = append(out.quarantine, quarantineOf(n.key, n.Rejection))
	}
	return out
}

func (o *outcome) repeat(records []*record) {
	o.enter(outcomeRepeated, records)
}

// enter counts records in the ledger, neighbours with one reporter at once.
func (o *outcome) enter(became string, records []*record) {
	for len(records) > 0 {
		reporter, n := records[0].reporter, 1
		for n < len(records) && records[n].reporter == reporter {
			n++
		}
		o.ledger[ledgerLine{reporter, became}] += int64(n)
		records = records[n:]
	}
}

func (o *outcome) refuse(key int32, r *usage.Rejection) {
	o.ledger[ledgerLine{key, string(r.Reason)}] += int64(r.Count)
	if r.Reason.Kept() {
		o.quarantine = append(o.quarantine, quarantineOf(key, r))
	}
}

// insert puts events into audit_logs.
func (o *outcome) insert(ctx context.Context, tx pgx.Tx, records []*record, by way) error {
	stored, repeats, bad := records, []*record(nil), []*record(nil)
	var err error
	switch by {
	case wayDirect, wayChecked:
		err = insertDirect(ctx, tx, records)
	case wayStaged:
		stored, repeats, err = insertStagedEvents(ctx, tx, records)
	case wayTaken:
		stored, repeats, bad, err = isolate(ctx, tx, records)
	}
	if err != nil {
		return err
	}
	o.stored, o.repeated = stored, append(o.repeated, repeats...)
	o.enter(outcomeStored, stored)
	o.repeat(repeats)
	for _, r := range bad {
		rejection := unstorable(r)
		o.refuse(r.reporter, &rejection)
	}
	return nil
}

// account writes everything that follows from what was stored.
func (o *outcome) account(ctx context.Context, tx pgx.Tx, d *delivery, counts statistics, by way) error {
	if err := counts.write(ctx, tx); err != nil {
		return err
	}
	if err := o.totals(ctx, tx, d.totals, by); err != nil {
		return err
	}
	if err := o.ledger.write(ctx, tx, d.received); err != nil {
		return err
	}
	return writeQuarantine(ctx, tx, d.received, o.quarantine)
}

func (o *outcome) totals(ctx context.Context, tx pgx.Tx, totals []total, by way) error {
	if by != wayTaken {
		return writeTotals(ctx, tx, totals, o.ledger)
	}
	bad, err := isolateTotals(ctx, tx, totals, o.ledger)
	for _, t := range bad {
		o.refuse(t.reporter, &usage.Rejection{
			Reason: usage.ReasonUnstorable, Count: 1, Detail: "Postgres refused the total for its content",
			Record: fmt.Sprintf(`{"stream":"%x"}`, t.Stream),
		})
	}
	return err
}

func (o *outcome) receipt() usage.Receipt {
	var r usage.Receipt
	for line, n := range o.ledger {
		switch {
		case line.outcome == outcomeStored:
			r.Stored += int(n)
		case line.outcome == outcomeRepeated:
			r.Repeated += int(n)
		case !line.isNote():
			r.Rejected += int(n)
		}
	}
	return r
}

// unstorable says what became of an event that Postgres refuses for its content.
func unstorable(r *record) usage.Rejection {
	return usage.Rejection{
		ReporterID: sender(r.event.ReporterID, r.event.KeyID), Reason: usage.ReasonUnstorable, Count: 1,
		Detail: "Postgres refuses the event for its content", Record: idAndTime(r.event),
	}
}

// idAndTime is what of a refused event can be kept whatever is wrong with the rest.
func idAndTime(e *usage.Event) string {
	return fmt.Sprintf(`{"id":"%s","time":"%s"}`, hex.EncodeToString(e.ID[:]), e.Time.UTC().Format(time.RFC3339Nano))
}
