package postgres

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// delivery is a batch whose keys and values are resolved.
type delivery struct {
	received time.Time
	holders  map[int32]holder // by key
	all      []record
	records  []*record // those that can be stored, sorted, without repeats among them
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
	d := &delivery{received: time.Now(), holders: map[int32]holder{}, all: newRecords(len(batch.Events))}
	ids := keyIDs{}
	words := newVocabulary()
	for i := range batch.Events {
		e, r := &batch.Events[i], &d.all[i]
		r.event, r.micros = e, e.Time.UnixMicro()
		r.holder, r.sender = ids.of(e.KeyID), ids.of(sender(e.ReporterID, e.KeyID))
		words.add(r)
	}
	for i := range batch.Totals {
		ids.of(batch.Totals[i].KeyID)
		ids.of(sender(batch.Totals[i].ReporterID, batch.Totals[i].KeyID))
	}
	for _, list := range [][]usage.Rejection{batch.Rejections, batch.Notes} {
		for i := range list {
			ids.of(list[i].ReporterID)
		}
	}
	if err := w.holders.find(ctx, ids); err != nil {
		return nil, err
	}
	for _, h := range ids {
		d.holders[h.seq] = *h
	}
	d.addOthers(batch, ids)
	d.addEvents(w.db.partitions.Load().perDay())
	return d, w.dictionary.resolve(ctx, words, d.records, w.admissions)
}

// keyIDs are the public ids of the keys of a batch.
type keyIDs map[string]*holder

// of is filled in by [holders.find].
func (k keyIDs) of(id string) *holder {
	h := k[id]
	if h == nil {
		h = &holder{}
		k[id] = h
	}
	return h
}

func (d *delivery) addOthers(batch *usage.Batch, ids keyIDs) {
	for i := range batch.Rejections {
		d.refused = append(d.refused, refusedRecord{&batch.Rejections[i], ids.of(batch.Rejections[i].ReporterID).seq})
	}
	for i := range batch.Notes {
		d.notes = append(d.notes, refusedRecord{&batch.Notes[i], ids.of(batch.Notes[i].ReporterID).seq})
	}
	for i := range batch.Totals {
		t := &batch.Totals[i]
		d.totals = append(d.totals, total{t, ids.of(t.KeyID).seq, ids.of(sender(t.ReporterID, t.KeyID)).seq})
	}
}

// addEvents keeps the events that can be stored.
func (d *delivery) addEvents(held func(time.Time) bool) {
	kept := make([]*record, 0, len(d.all))
	for i := range d.all {
		r := &d.all[i]
		r.key, r.reporter = r.holder.seq, r.sender.seq
		if !held(r.event.Time) {
			d.refused = append(d.refused, refusedRecord{outOfPlace(r.event, d.received), r.reporter})
			continue
		}
		kept = append(kept, r)
	}
	kept, d.repeats = distinct(kept)
	d.records = kept[:0]
	for _, r := range kept {
		if !r.storable() {
			rejection := unstorable(r)
			d.refused = append(d.refused, refusedRecord{&rejection, r.reporter})
			continue
		}
		d.records = append(d.records, r)
	}
}

// recordSlices hold some megabytes for each batch that is being written.
var recordSlices = sync.Pool{New: func() any { return new([]record) }}

func newRecords(n int) []record {
	s := *recordSlices.Get().(*[]record)
	return slices.Grow(s, n)[:n]
}

// release gives the records back; nothing may use the delivery any more.
func (d *delivery) release() {
	clear(d.all) // what they point to is not to be kept
	empty := d.all[:0]
	recordSlices.Put(&empty) // and not the address of a field, which would keep the delivery
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
