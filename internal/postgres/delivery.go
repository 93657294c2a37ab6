package postgres

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// delivery is batches to be stored together, whose keys and values are resolved.
type delivery struct {
	received time.Time
	holders  map[int32]holder // by key
	all      []record
	parts    []part    // those that are not known to be stored
	records  []*record // those that can be stored, sorted, without repeats among them
	days     []usedDay // of records
	words    *vocabulary
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

// prepare does what needs no transaction of the delivery.
func (w *Writer) prepare(ctx context.Context, batches []*usage.Batch) (*delivery, error) {
	d := &delivery{received: time.Now(), holders: map[int32]holder{}}
	ids := keyIDs{}
	d.link(batches, ids)
	for _, b := range batches {
		ids.ofOthers(b)
	}
	if err := w.holders.find(ctx, ids); err != nil {
		return nil, err
	}
	for _, h := range ids {
		d.holders[h.seq] = *h
	}
	for i := range d.all {
		r := &d.all[i]
		r.key, r.reporter = r.holder.seq, r.sender.seq
	}
	for _, b := range batches {
		d.addOthers(b, ids)
	}
	again, unknown, err := w.recognise(ctx, d.parts)
	if err != nil {
		return nil, err
	}
	d.addEvents(again, unknown, w.db.partitions.Load().perDay())
	return d, w.dictionary.resolve(ctx, d.words, d.days, w.admissions)
}

// link makes a record for each event.
func (d *delivery) link(batches []*usage.Batch, ids keyIDs) {
	n := 0
	for _, b := range batches {
		n += len(b.Events)
	}
	d.all = newRecords(n)
	rest := d.all
	var from *holder // of the sender before: mostly all events of a batch have the same
	var by string
	for _, b := range batches {
		p := part{records: rest[:len(b.Events)], digest: digestOf(b.Events)}
		rest = rest[len(b.Events):]
		for i := range b.Events {
			e, r := &b.Events[i], &p.records[i]
			r.event, r.micros, r.undated = e, e.Time.UnixMicro(), e.Undated
			if s := sender(e.ReporterID, e.KeyID); from == nil || !isSame(s, by) {
				from, by = ids.of(s), s
			}
			r.holder, r.sender = ids.of(e.KeyID), from
		}
		d.parts = append(d.parts, p)
	}
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

// ofOthers lists the keys of what is no event.
func (k keyIDs) ofOthers(batch *usage.Batch) {
	for i := range batch.Totals {
		k.of(batch.Totals[i].KeyID)
		k.of(sender(batch.Totals[i].ReporterID, batch.Totals[i].KeyID))
	}
	for _, list := range [][]usage.Rejection{batch.Rejections, batch.Notes} {
		for i := range list {
			k.of(list[i].ReporterID)
		}
	}
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

// addEvents keeps the events that can be stored and are not known to be, with their words. These are looked up in the order
// in which events lie in memory, which is the fastest to read them in.
func (d *delivery) addEvents(again, unknown []part, held func(time.Time) bool) {
	kept := make([]*record, 0, len(d.all))
	d.parts, d.words = unknown, newVocabulary()
	for _, p := range unknown {
		for i := range p.records {
			r := &p.records[i]
			if !held(r.event.Time) {
				d.refused = append(d.refused, refusedRecord{outOfPlace(r.event, d.received), r.reporter})
				continue
			}
			d.words.add(r)
			kept = append(kept, r)
		}
	}
	kept, d.repeats = distinct(kept)
	for _, p := range again {
		for i := range p.records {
			d.repeats = append(d.repeats, &p.records[i])
		}
	}
	d.records = kept[:0]
	for _, r := range kept {
		if !d.words.storable(r) {
			rejection := unstorable(r)
			d.refused = append(d.refused, refusedRecord{&rejection, r.reporter})
			continue
		}
		d.records = append(d.records, r)
	}
	d.days = d.words.daysOf(d.records)
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

// outOfPlace rejects an event for whose time there is no partition.
func outOfPlace(e *usage.Event, received time.Time) *usage.Rejection {
	reason := usage.ReasonTooOld
	if e.Time.After(received) {
		reason = usage.ReasonInFuture
	}
	return &usage.Rejection{ReporterID: sender(e.ReporterID, e.KeyID), Reason: reason, Count: 1, Detail: "no partition holds the event's time", Record: idAndTime(e)}
}
