package requestlimitsextension

import "sync"

// places counts the calls in flight, all together and for each caller.
type places struct {
	max int

	mu    sync.Mutex
	taken int
	of    map[string]int // callers with calls in flight
}

func newPlaces(limit int) *places { return &places{max: limit, of: map[string]int{}} }

// take takes a place for a caller that may have share of them, or says why there is none.
func (p *places) take(caller string, share int) (reason string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.of[caller] >= share:
		return reasonShare, false
	case p.taken >= p.max:
		return reasonBusy, false
	}
	p.taken++
	p.of[caller]++
	return "", true
}

// pass gives a place that one caller has to another, who may have share of them.
func (p *places) pass(from, to string, share int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[to] >= share {
		return false
	}
	p.of[to]++
	p.leave(from)
	return true
}

func (p *places) give(caller string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	p.leave(caller)
}

func (p *places) leave(caller string) {
	if p.of[caller]--; p.of[caller] == 0 {
		delete(p.of, caller)
	}
}
