package usagepdata

import (
	"math/bits"
	"sync"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// released are the events of batches that were let go of, by the power of two that their capacity fits in: clearing and
// collecting them was an eighth of all that the ingest path allocates.
var released [32]sync.Pool

func sizeClass(capacity int) int { return min(bits.Len(uint(max(capacity, 1)-1)), len(released)-1) }

// newEvents is an empty slice with room for n events.
func newEvents(n int) []usage.Event {
	if events, ok := released[sizeClass(n)].Get().(*[]usage.Event); ok && cap(*events) >= n {
		return *events
	}
	return make([]usage.Event, 0, n)
}

// Release lets conversions to come use the memory of a batch's events again. Nothing of the batch may be used afterwards, and
// nobody else may hold events of it.
func Release(b *usage.Batch) {
	events := b.Events
	*b = usage.Batch{}
	if cap(events) == 0 {
		return
	}
	clear(events)
	events = events[:0]
	released[sizeClass(cap(events))].Put(&events)
}
