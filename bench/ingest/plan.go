package main

import (
	"fmt"
	"time"
)

// spansPerRequest is what an OpenTelemetry SDK sends at once by default (specification, OTEL_BSP_MAX_EXPORT_BATCH_SIZE).
const spansPerRequest = 512

// Time between two events of the platform: 20 million in 30 days. It decides how many rows of statistics an event
// costs, so it is the same whatever the number of events.
const step = 30 * 24 * time.Hour / 20_000_000

// onlyVerifications is the value of BENCH_ONLY that leaves out everything else.
const onlyVerifications = "verifications"

// plan says how much of what is measured. All counts follow from the number of events of one measured run.
type plan struct {
	events  int
	keys    int
	senders int
	rounds  int
	away    time.Duration // for how long Postgres is away
	only    string        // the one part to run, onlyVerifications; all if empty
}

func (p plan) check() error {
	switch {
	case p.events < 8*spansPerRequest:
		return fmt.Errorf("BENCH_EVENTS is %d: at least %d are needed", p.events, 8*spansPerRequest)
	case p.keys < profiles:
		return fmt.Errorf("BENCH_KEYS is %d: at least %d are needed", p.keys, profiles)
	case p.senders < 1 || p.rounds < 1 || p.away < 0:
		return fmt.Errorf("BENCH_SENDERS, BENCH_ROUNDS and BENCH_AWAY must be positive")
	case p.only != "" && p.only != onlyVerifications:
		return fmt.Errorf("BENCH_ONLY is %q: it must be %s, or not be set", p.only, onlyVerifications)
	}
	return nil
}

// Numbers of requests. With 8 million events a run, "opening" is 2 million and "stored" 20 million.
func (p plan) run() int     { return requests(p.events) }
func (p plan) opening() int { return requests(p.events / 4) }
func (p plan) stored() int  { return requests(p.events * 5 / 2) }
func (p plan) twice() int   { return requests(p.events / 2) } // each sent twice: as many spans sent as in a run
func (p plan) choice() int  { return requests(min(p.events, 1_000_000)) }
func (p plan) warm() int    { return requests(min(p.events/16, 500_000)) } // a thousand requests name every customer
func (p plan) absent() int  { return max(requests(p.events/32), 2*p.senders) }

// half is the load under which freshness is measured: half the rate for 20 seconds, or as long as a small run allows.
func (p plan) half(eventsPerSecond float64) int {
	return requests(int(min(eventsPerSecond/2*20, float64(p.events)/4)))
}

// questions is how often the API is asked for a customer's usage.
func (p plan) questions() int { return min(p.events/200, 2000) }

// askFor is for how long verifications are asked for in a round.
func (p plan) askFor() time.Duration {
	if p.events < 1_000_000 {
		return time.Second
	}
	return 5 * time.Second
}

// benchtime is for how long each Go benchmark runs.
func (p plan) benchtime() time.Duration {
	if p.events < 1_000_000 {
		return 200 * time.Millisecond
	}
	return time.Second
}

// history is how many requests lie in the past when all phases that fill one database have run.
func (p plan) history() int {
	return p.warm() + p.stored() + p.opening() + p.half(1e9) + p.absent()
}

func requests(events int) int { return max(1, (events+spansPerRequest-1)/spansPerRequest) }
