package demo

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Headers between the demo's fleet and the demo's server, in nanoseconds. A request without them is served in real time.
const (
	headerTime    = "X-Demo-Time"    // when the request arrives, since 1970
	headerElapsed = "X-Demo-Elapsed" // how long the server worked on it
)

// networkDelay is how long a simulated request, or its answer, is under way.
const networkDelay = 12 * time.Millisecond

// clock is a simulated clock that moves when it is told to.
type clock struct{ nanos atomic.Int64 }

func clockAt(t time.Time) *clock {
	c := &clock{}
	c.nanos.Store(t.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

type clockKey struct{}

func withClock(ctx context.Context, c *clock) context.Context {
	return context.WithValue(ctx, clockKey{}, c)
}

func clockFrom(ctx context.Context) *clock {
	c, _ := ctx.Value(clockKey{}).(*clock)
	return c
}

// now is the simulated time of a call, or the real one for a live call.
func now(ctx context.Context) time.Time {
	if c := clockFrom(ctx); c != nil {
		return c.now()
	}
	return time.Now()
}

// pause lets time pass: simulated or real.
func pause(ctx context.Context, d time.Duration) error {
	if c := clockFrom(ctx); c != nil {
		c.advance(d)
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// timeTravel carries the simulated time of a request to the server, and the server's work back.
type timeTravel struct{ base http.RoundTripper }

func (t timeTravel) RoundTrip(req *http.Request) (*http.Response, error) {
	c := clockFrom(req.Context())
	if c == nil {
		return t.base.RoundTrip(req)
	}
	c.advance(networkDelay)
	req = req.Clone(req.Context())
	req.Header.Set(headerTime, strconv.FormatInt(c.now().UnixNano(), 10))
	resp, err := t.base.RoundTrip(req)
	if err == nil {
		if elapsed, err := strconv.ParseInt(resp.Header.Get(headerElapsed), 10, 64); err == nil {
			c.advance(time.Duration(elapsed))
		}
	}
	c.advance(networkDelay)
	return resp, err
}

// arriveInTime is timeTravel's other end: it gives the handler a clock that shows the simulated time.
func arriveInTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nanos, err := strconv.ParseInt(r.Header.Get(headerTime), 10, 64)
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		c := clockAt(time.Unix(0, nanos))
		next.ServeHTTP(&elapsedWriter{ResponseWriter: w, clock: c, start: nanos}, r.WithContext(withClock(r.Context(), c)))
	})
}

// elapsedWriter tells how long the handler worked when the answer begins.
type elapsedWriter struct {
	http.ResponseWriter
	clock *clock
	start int64
}

func (w *elapsedWriter) WriteHeader(status int) {
	w.Header().Set(headerElapsed, strconv.FormatInt(w.clock.nanos.Load()-w.start, 10))
	w.ResponseWriter.WriteHeader(status)
}
