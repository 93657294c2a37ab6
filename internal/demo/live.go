package demo

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

// Live traffic: calls start at random, liveRate of them a second on average.
const (
	liveRate     = 4.0
	liveAtOnce   = 16
	liveDelivery = 10 * time.Second // CloudEvents, and the state, wait for it; the SDKs deliver by themselves
)

// live sends traffic of the present until the time is up or ctx ends.
func (d *demo) live(ctx context.Context) error {
	if d.opts.Live > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, d.opts.Live)
		defer end()
		d.say("Live traffic for %s ...", d.opts.Live)
	} else {
		d.say("Live traffic until you press Ctrl-C ...")
	}
	// A call under way is finished also after the end, so that both sides see its answer.
	calling, cancel := d.outlasting(ctx)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(liveAtOnce)
	dice := rand.New(rand.NewPCG(d.state.Seed, uint64(time.Now().UnixNano())))
	delivered := time.Now()
	for pause(ctx, time.Duration(dice.ExpFloat64()/liveRate*float64(time.Second))) == nil {
		call := d.plan.Live(time.Now(), dice)
		g.Go(func() error {
			// The collector may be away for a while: the SDKs keep what they can, and the demo goes on.
			_ = d.fleet.members[call.User].perform(calling, &call, d.plan.Day(call.At))
			return nil
		})
		if time.Since(delivered) >= liveDelivery {
			delivered = time.Now()
			g.Go(func() error {
				_ = d.fleet.flush(calling, 1)
				return nil
			})
			if err := d.save(delivered); err != nil {
				return err
			}
		}
	}
	_ = g.Wait()
	d.performed = time.Now()
	return nil
}
