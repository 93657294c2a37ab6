package requestlimitsextension

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// By default Go collects garbage whenever the heap has doubled. What is alive in the collector is a fraction of what a busy minute
// allocates, so that it marks the same caches and waiting requests again and again. heap lets the garbage grow to a size at which
// memory is of no concern, and no further.
type heap struct {
	target int64 // bytes
	stop   chan struct{}
	ended  sync.WaitGroup

	percent int   // what it was before
	limit   int64 // likewise
}

const (
	// maxGrowth is GOGC: a collector with little to do keeps little garbage.
	maxGrowth = 400
	// leastGrowth is left where what is alive takes most of the target. With none, Go would collect without end.
	leastGrowth = 50
	// besideHeap is what the limit covers besides: stacks, gaps in the heap, and its books.
	besideHeap = 32 << 20
	// heapInterval is how often the target is compared with what is alive.
	heapInterval = time.Second
)

// growHeap makes the Go runtime aim at a size of target bytes; nil when an operator has told it otherwise.
func growHeap(target int64) *heap {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	h := &heap{target: target, stop: make(chan struct{})}
	h.percent, h.limit = debug.SetGCPercent(maxGrowth), debug.SetMemoryLimit(target)
	h.ended.Go(h.follow)
	return h
}

// close gives the runtime its settings back. It may be called for nil, and once.
func (h *heap) close() {
	if h == nil {
		return
	}
	close(h.stop)
	h.ended.Wait()
	debug.SetGCPercent(h.percent)
	debug.SetMemoryLimit(h.limit)
}

func (h *heap) follow() {
	ticker := time.NewTicker(heapInterval)
	defer ticker.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-h.stop:
			return
		case <-ticker.C:
			metrics.Read(live)
			debug.SetMemoryLimit(h.limitFor(int64(live[0].Value.Uint64())))
		}
	}
}

// limitFor is the target, or what leastGrowth takes where that is more.
func (h *heap) limitFor(live int64) int64 {
	return max(h.target, live+live*leastGrowth/100+besideHeap)
}
