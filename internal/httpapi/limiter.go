package httpapi

import (
	"net/netip"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// maxCallers bounds the memory of a limiter, some 20 MB. The least used are forgotten first, and then start afresh;
// whoever has this many addresses needs no more than one call from each.
const maxCallers = 100_000

// limiter allows each of its callers a number of calls an hour, all at once if need be.
type limiter[K comparable] struct {
	perHour int
	buckets *otter.Cache[K, *rate.Limiter]
}

func newLimiter[K comparable](perHour int) *limiter[K] {
	return &limiter[K]{perHour: perHour, buckets: otter.Must(&otter.Options[K, *rate.Limiter]{
		MaximumSize: maxCallers,
		Executor:    func(fn func()) { fn() }, // upkeep takes microseconds: no goroutine of its own
	})}
}

// take is how long the caller has to wait; 0 when it may go on, which then counts.
func (l *limiter[K]) take(caller K, now time.Time) time.Duration {
	bucket, _ := l.buckets.SetIfAbsent(caller, rate.NewLimiter(rate.Limit(float64(l.perHour)/3600), l.perHour))
	r := bucket.ReserveN(now, 1)
	if !r.OK() {
		return time.Hour
	}
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// networkOf is what one customer of an internet provider has at least: an address of IPv4, a /64 of IPv6.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	network, _ := addr.Prefix(bits) // the zero Prefix for the zero Addr: callers without an address share one bucket
	return network
}
