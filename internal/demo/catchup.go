package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/disco-platform/mirrorball/internal/demo/traffic"
)

// The past is performed slice by slice, and each SDK's queue is emptied before it is full: the SDK drops what does not fit.
const (
	// sliceCalls, with their retries, are seen by the platform's one SDK, whose queue holds platformQueue spans.
	sliceCalls    = 2500
	platformQueue = 2 * sliceCalls
	// memberCalls and one more slice stay below the 4096 spans of a customer's queue.
	memberCalls = 1000
	// saveDays is after how many days of the past all queues are emptied and the state is saved.
	saveDays = 4
)

// nearEnough is how close to the present the past must come before live traffic goes on.
const nearEnough = 3 * time.Second

// catchUp sends the past that has not been sent.
func (d *demo) catchUp(ctx context.Context) error {
	if time.Since(d.state.SentUntil) < nearEnough {
		return nil
	}
	d.say("Sending usage from %s until now ...", d.state.SentUntil.Format("2 January 2006"))
	p := progress{say: d.say, began: time.Now(), shown: time.Now()}
	for {
		until := time.Now()
		if until.Sub(d.state.SentUntil) < nearEnough {
			break
		}
		for from := d.state.SentUntil; from.Before(until); from = d.state.SentUntil {
			to := from.Truncate(24*time.Hour).AddDate(0, 0, saveDays)
			if to.After(until) {
				to = until
			}
			if err := d.sendStretch(ctx, from, to, &p); err != nil {
				return err
			}
		}
	}
	d.say("%s calls in %s.", grouped(p.calls), time.Since(p.began).Round(time.Second))
	return d.checkDropped()
}

// sendStretch sends the calls of a stretch of time and saves that they are sent. An interrupt is obeyed between slices;
// after a kill the next run sends the stretch again, as calls of their own.
func (d *demo) sendStretch(ctx context.Context, from, to time.Time, p *progress) error {
	begun, cancel := d.outlasting(ctx)
	defer cancel()
	calls := d.plan.Between(from, to)
	for len(calls) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(sliceCalls, len(calls))
		if err := d.sendSlice(begun, calls[:n]); err != nil {
			return err
		}
		p.add(n, calls[n-1].At)
		if calls = calls[n:]; len(calls) > 0 {
			d.performed = calls[0].At
		}
	}
	d.performed = to
	if err := d.deliver(begun, 1); err != nil {
		return err
	}
	return d.save(to)
}

func (d *demo) sendSlice(ctx context.Context, calls []traffic.Call) error {
	if err := d.fleet.replay(ctx, calls); err != nil {
		return err
	}
	return d.deliver(ctx, memberCalls)
}

// deliver waits until the platform's queue, and those of members with so many calls, are with the collector.
func (d *demo) deliver(ctx context.Context, atLeast int) error {
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	platform := make(chan error, 1)
	go func() { platform <- d.platform.telemetry.Flush(ctx) }()
	err := d.fleet.flush(ctx, atLeast)
	if err := errors.Join(err, <-platform); err != nil {
		return fmt.Errorf("the collector does not take the demo's telemetry: %w", err)
	}
	return nil
}

func (d *demo) checkDropped() error {
	if n := d.fleet.dropped() + dropped(d.platform.telemetry); n > 0 {
		return fmt.Errorf("the SDKs dropped %d items: see the collector's log for why it did not take them", n)
	}
	return nil
}

// progress prints a line every few seconds.
type progress struct {
	say   func(string, ...any)
	calls int
	began time.Time
	shown time.Time
}

func (p *progress) add(calls int, at time.Time) {
	p.calls += calls
	if time.Since(p.shown) >= 5*time.Second {
		p.shown = time.Now()
		p.say("  %s  %9s calls", at.Format("2006-01-02"), grouped(p.calls))
	}
}

// grouped writes 1234567 as "1,234,567".
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
