package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/disco-platform/mirrorball/internal/postgres"
)

// bench is one run of the whole harness.
type bench struct {
	plan   plan
	server *server
	binary *program
	report *report

	base                  *database // as the collector made it, with the customers registered; copied for each run
	plain                 *database // of the yardstick
	stream                *stream
	watched               []customer // the probers'
	adminKey, platformKey string
}

// all measures what the plan asks for.
func (b *bench) all(ctx context.Context) error {
	err := b.prepare(ctx)
	switch {
	case b.plan.only == onlyVerifications && err == nil:
		return b.verifications(ctx)
	case b.plan.only == onlyVerifications:
		return err
	case err != nil:
		return errors.Join(err, b.libraries(ctx))
	}
	return errors.Join(b.run(ctx), b.verifications(ctx), b.libraries(ctx))
}

// verifications are measured with a collector that has nothing else to do.
func (b *bench) verifications(ctx context.Context) error {
	return b.withCollector(ctx, func(r *collecting) error { return r.verifications(ctx) })
}

// run measures ingest. A phase that fails leaves its figures out and does not stop the others.
func (b *bench) run(ctx context.Context) error {
	connections, err := b.chooseConnections(ctx)
	if err != nil {
		return err
	}
	var failed error
	for round := range b.plan.rounds {
		log.Printf("round %d of %d", round+1, b.plan.rounds)
		last := round == b.plan.rounds-1
		failed = errors.Join(failed, b.round(ctx, connections, last))
		if ctx.Err() != nil {
			break
		}
	}
	return failed
}

// prepare lets the collector make its database, and registers the customers.
func (b *bench) prepare(ctx context.Context) (err error) {
	log.Printf("preparing: %d events to a run, %d keys, %d senders, %d rounds", b.plan.run()*spansPerRequest, b.plan.keys, b.plan.senders, b.plan.rounds)
	if b.base, err = b.server.create(ctx, "base", "template1"); err != nil {
		return err
	}
	if b.plain, err = b.server.create(ctx, "plain", "template1"); err != nil {
		return err
	}
	c, err := b.binary.start(ctx, b.base)
	if err != nil {
		return err
	}
	if err := c.stop(); err != nil {
		return fmt.Errorf("the collector did not end well: %w", err)
	}
	if b.adminKey, err = b.binary.key("admin"); err != nil {
		return err
	}
	if b.platformKey, err = b.binary.key("platform"); err != nil {
		return err
	}
	pepper, err := postgres.ReadPepper(b.binary.data)
	if err != nil {
		return err
	}
	all, err := register(ctx, b.base, pepper, b.plan.keys+probers)
	if err != nil {
		return err
	}
	b.watched = all[b.plan.keys:]
	b.stream, err = newStream(all[:b.plan.keys], b.plan.history(), time.Now())
	return err
}

// chooseConnections finds, once, with how many connections raw COPY does best.
func (b *bench) chooseConnections(ctx context.Context) (int, error) {
	best, highest := 0, 0.0
	for _, n := range []int{1, 2, 4} {
		w, err := yardstick(ctx, b.stream, b.plain, b.plan.choice(), n)
		if err != nil {
			return 0, err
		}
		log.Printf("raw COPY, %d connections: %.0f rows/s", n, w.rate())
		if w.rate() > highest {
			best, highest = n, w.rate()
		}
	}
	b.report.add("raw_copy_connections", float64(best))
	return best, nil
}

// round measures what is compared, one after the other. The last one goes on with the database that it filled.
func (b *bench) round(ctx context.Context, connections int, last bool) error {
	raw, err := yardstick(ctx, b.stream, b.plain, b.plan.run(), connections)
	if err != nil {
		return err
	}
	if err := b.plain.exec(ctx, "DROP TABLE plain_events"); err != nil {
		return err
	}
	log.Printf("raw COPY: %.0f rows/s, %.0f B/row, %.0f B/row of WAL", raw.rate(), raw.diskPerEvent(), raw.walPerEvent())
	b.report.add("raw_copy_rate", raw.rate())
	b.report.add("raw_copy_disk", raw.diskPerEvent())
	b.report.add("raw_copy_wal", raw.walPerEvent())

	return errors.Join(
		b.withCollector(ctx, func(r *collecting) error { return r.twice(ctx, raw) }),
		b.withCollector(ctx, func(r *collecting) error {
			rate, err := r.once(ctx, raw)
			if err != nil || !last {
				return err
			}
			return r.rest(ctx, rate)
		}),
	)
}

// withCollector runs fn with a collector on a fresh copy of the prepared database.
func (b *bench) withCollector(ctx context.Context, fn func(*collecting) error) (err error) {
	db, err := b.server.create(ctx, "filled", b.base.name)
	if err != nil {
		return err
	}
	c, err := b.binary.start(ctx, db)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, c.stop())
		if ctx.Err() == nil {
			err = errors.Join(err, b.server.drop(ctx, db.name))
		}
	}()
	return fn(&collecting{bench: b, collector: c, db: db})
}
