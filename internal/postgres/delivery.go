package postgres

import (
	"cmp"
	"context"
	"time"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// delivery is a batch whose keys and values are resolved.
type delivery struct {
	received time.Time
	holders  map[int32]holder // by key
	records  []*record        // sorted, without repeats among them
	repeats  []*record
	totals   []total
	refused  []refusedRecord
	notes    []refusedRecord
}

// refusedRecord is a rejection with the key that it is charged to.
type refusedRecord struct {
	*usage.Rejection
	key int32
}

// prepare does what needs no transaction of the batch.
func (w *Writer) prepare(ctx context.Context, batch *usage.Batch) (*delivery, error) {
	keys := map[string]holder{}
	for i := range batch.Events {
		keys[batch.Events[i].KeyID], keys[batch.Events[i].ReporterID] = holder{}, holder{}
	}
	for i := range batch.Totals {
		keys[batch.Totals[i].KeyID], keys[batch.Totals[i].ReporterID] = holder{}, holder{}
	}
	for _, list := range [][]usage.Rejection{batch.Rejections, batch.Notes} {
		for i := range list {
			keys[list[i].ReporterID] = holder{}
		}
	}
	if err := w.holders.find(ctx, keys); err != nil {
		return nil, err
	}
	d := &delivery{received: time.Now(), holders: make(map[int32]holder, len(keys))}
	for _, o := range keys {
		d.holders[o.seq] = o
	}
	for i := range batch.Rejections {
		d.refused = append(d.refused, refusedRecord{&batch.Rejections[i], keys[batch.Rejections[i].ReporterID].seq})
	}
	for i := range batch.Notes {
		d.notes = append(d.notes, refusedRecord{&batch.Notes[i], keys[batch.Notes[i].ReporterID].seq})
	}
	for i := range batch.Totals {
		d.totals = append(d.totals, total{&batch.Totals[i], keys[batch.Totals[i].KeyID].seq, keys[sender(batch.Totals[i].ReporterID, batch.Totals[i].KeyID)].seq})
	}
	return d, w.prepareEvents(ctx, d, batch.Events, keys)
}

func (w *Writer) prepareEvents(ctx context.Context, d *delivery, events []usage.Event, keys map[string]holder) error {
	held := w.db.partitions.Load().perDay()
	words := vocabulary{}
	records := make([]record, len(events)) // one allocation for all
	kept := make([]*record, 0, len(events))
	for i := range events {
		r := &records[i]
		r.event, r.key, r.micros = &events[i], keys[events[i].KeyID].seq, events[i].Time.UnixMicro()
		r.reporter = keys[sender(events[i].ReporterID, events[i].KeyID)].seq
		if !held(events[i].Time) {
			d.refused = append(d.refused, refusedRecord{outOfPlace(r.event, d.received), r.reporter})
			continue
		}
		words.add(r)
		kept = append(kept, r)
	}
	kept, d.repeats = distinct(kept)
	for _, r := range kept {
		if !r.storable() {
			rejection := unstorable(r)
			d.refused = append(d.refused, refusedRecord{&rejection, r.reporter})
			continue
		}
		d.records = append(d.records, r)
	}
	return w.dictionary.resolve(ctx, words, d.records, w.admissions)
}

// sender is the key that a record is booked under in the ledger.
func sender(reporterID, keyID string) string { return cmp.Or(reporterID, keyID) }

func (r *record) storable() bool {
	for _, w := range r.words {
		if w != nil && !w.storable() {
			return false
		}
	}
	return true
}

// outOfPlace rejects an event for whose time there is no partition.
func outOfPlace(e *usage.Event, received time.Time) *usage.Rejection {
	reason := usage.ReasonTooOld
	if e.Time.After(received) {
		reason = usage.ReasonInFuture
	}
	return &usage.Rejection{ReporterID: sender(e.ReporterID, e.KeyID), Reason: reason, Count: 1, Detail: "no partition holds the event's time", Record: idAndTime(e)}
}
