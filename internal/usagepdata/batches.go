package usagepdata

import (
	"slices"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// Join makes one batch of several, in order, and releases them. The bounds of what a batch keeps of refused records hold
// for the whole.
func Join(batches []*usage.Batch) *usage.Batch {
	if len(batches) == 1 {
		return batches[0]
	}
	var events, totals int
	for _, b := range batches {
		events, totals = events+len(b.Events), totals+len(b.Totals)
	}
	// Batches are of nearly one size, so with an eighth more room they fit into what the last one leaves behind.
	c := conversion{events: newEvents(events, events/8)}
	if totals > 0 {
		c.totals = make([]usage.ReportedTotal, 0, totals)
	}
	for _, b := range batches {
		c.events = append(c.events, b.Events...)
		c.totals = append(c.totals, b.Totals...)
		c.rejections.join(b.Rejections)
		c.notes.join(b.Notes)
		Release(b)
	}
	return c.batch()
}

// Split cuts a batch after n of its records; n is less than b.Len(). Its notes stay with the first part. The parts share no
// events, so that each can be released.
func Split(b *usage.Batch, n int) (head, tail *usage.Batch) {
	head, tail = &usage.Batch{Notes: b.Notes}, &usage.Batch{}
	at := min(n, len(b.Events))
	head.Events, tail.Events = slices.Clone(b.Events[:at]), slices.Clone(b.Events[at:])
	n -= at
	at = min(n, len(b.Totals))
	head.Totals, tail.Totals = b.Totals[:at:at], b.Totals[at:]
	n -= at
	for _, r := range b.Rejections {
		first, rest := r, r
		first.Count = min(n, r.Count)
		rest.Count -= first.Count
		n -= first.Count
		if first.Count > 0 {
			head.Rejections = append(head.Rejections, first)
		}
		if rest.Count > 0 {
			tail.Rejections = append(tail.Rejections, rest)
		}
	}
	return head, tail
}
