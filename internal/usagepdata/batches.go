package usagepdata

import (
	"slices"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// Gather makes batches fit to be stored together: what they refused moves into the first of them, where the bounds of what
// a batch keeps of refused records hold for all of it.
func Gather(batches []*usage.Batch) {
	var all, notes rejections
	for _, b := range batches {
		all.join(b.Rejections)
		notes.join(b.Notes)
		b.Rejections, b.Notes = nil, nil
	}
	if len(batches) > 0 {
		batches[0].Rejections, batches[0].Notes = all.list, notes.list
	}
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
