package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/disco-platform/mirrorball/internal/demo/traffic"
)

// Options say where the collector is and what to do.
type Options struct {
	API    string // the analytics API, such as http://127.0.0.1:8080
	OTLP   string // the OTLP/HTTP receiver
	Events string // the receiver of CloudEvents
	// Data is the collector's data folder, with admin.key and platform.key. The demo keeps its own state there.
	Data string
	Days int    // of the past
	Seed uint64 // of the first run on a data folder; later runs keep it
	// Live is how long live traffic goes on; 0: until ctx ends.
	Live time.Duration
	Out  io.Writer
}

// demo is one run.
type demo struct {
	opts       Options
	mirrorball *mirrorball
	adminKey   string
	state      *state
	plan       *traffic.Plan
	platform   *platform
	fleet      *fleet
	// performed is where the past that was performed ends; what lies after state.SentUntil waits for its delivery.
	performed time.Time
	// stopLimit is how long a run may take to deliver what it has begun, after an interrupt.
	stopLimit time.Duration
}

// errUndelivered is returned when the collector went away before the last telemetry.
var errUndelivered = errors.New("the collector does not take the last telemetry; the next run sends what it can of it")

// Run fills in the past that is missing, prints how to look at it, and sends live traffic. It returns nil when ctx ends,
// also when the collector was stopped by the same Ctrl-C.
func Run(ctx context.Context, opts Options) error {
	return run(ctx, opts, 10*time.Second)
}

func run(ctx context.Context, opts Options, stopLimit time.Duration) error {
	d := &demo{opts: opts, mirrorball: newMirrorball(opts.API, opts.Events), stopLimit: stopLimit}
	err := d.run(ctx)
	if ctx.Err() == nil {
		return err
	}
	switch {
	case errors.Is(err, errUndelivered):
		d.say("Stopped; %v.", errUndelivered)
	case err == nil, errors.Is(err, context.Canceled):
		d.say("Stopped. The next run goes on from here.")
	default:
		return err
	}
	return nil
}

func (d *demo) run(ctx context.Context) error {
	if err := d.mirrorball.awaitReady(ctx, time.Minute); err != nil {
		return err
	}
	if err := d.recall(ctx); err != nil {
		return err
	}
	if err := d.registerAll(ctx); err != nil {
		return err
	}
	if err := d.start(); err != nil {
		return err
	}
	err := d.catchUp(ctx)
	if err == nil {
		err = d.summary(ctx)
	}
	if err == nil {
		err = d.live(ctx)
	}
	return errors.Join(err, d.stop())
}

// recall takes up where an earlier run on the same folder stopped, if its users are known to this collector.
func (d *demo) recall(ctx context.Context) error {
	var err error
	if d.adminKey, err = readKey(d.opts.Data, "admin.key"); err != nil {
		return err
	}
	if d.state, err = loadState(d.opts.Data); err != nil {
		return err
	}
	if d.state != nil {
		if err := d.forgetIfUnknown(ctx); err != nil {
			return err
		}
	}
	now := time.Now()
	if d.state == nil {
		d.state = newState(d.opts.Seed, d.opts.Days, now)
	}
	// What lies further back than asked for is not filled in.
	if oldest := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -d.opts.Days); d.state.SentUntil.Before(oldest) {
		d.state.SentUntil = oldest
	}
	d.plan = traffic.NewPlan(d.state.Seed, d.state.Start)
	return nil
}

// forgetIfUnknown drops a state that belongs to another database.
func (d *demo) forgetIfUnknown(ctx context.Context) error {
	for _, a := range d.state.Accounts {
		known, err := d.mirrorball.knows(ctx, a.Key)
		if err != nil {
			return err
		}
		if !known {
			d.say("The users of %s are not in this database; starting anew.", stateFile)
			d.state = nil
		}
		return nil // one stands for all
	}
	return nil
}

func (d *demo) start() error {
	platformKey, err := readKey(d.opts.Data, "platform.key")
	if err != nil {
		return err
	}
	keys := make(map[string]bool, len(d.state.Accounts))
	for _, a := range d.state.Accounts {
		keys[a.Key] = true
	}
	if d.platform, err = startPlatform(d.plan, d.opts.OTLP, platformKey, keys); err != nil {
		return err
	}
	d.fleet = newFleet(d.plan, d.state.Accounts, d.mirrorball, d.platform.url, d.opts.OTLP)
	return nil
}

// outlasting is a context that ends stopLimit after ctx does.
func (d *demo) outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d.stopLimit, cancel) })
	return longer, func() { stop(); cancel() }
}

// stop delivers what is left, also after an interrupt.
func (d *demo) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), d.stopLimit)
	defer cancel()
	if err := errors.Join(d.fleet.flush(ctx, 1), d.fleet.close(ctx), d.platform.close(ctx)); err != nil {
		return errUndelivered
	}
	return d.save(d.performed)
}

// save notes that the past is sent until a time.
func (d *demo) save(sentUntil time.Time) error {
	return d.fleet.still(func() error {
		if sentUntil.After(d.state.SentUntil) {
			d.state.SentUntil = sentUntil.UTC()
		}
		return d.state.save(d.opts.Data)
	})
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.opts.Out, format+"\n", args...) }
