package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"golang.org/x/sync/errgroup"
)

// postgresAway stops Postgres, lets all senders try, and starts it again: nothing may be lost, and memory stays bounded.
func (r *collecting) postgresAway(ctx context.Context) error {
	if err := resetPeak(r.collector.pid()); err != nil {
		return err
	}
	if err := r.server.stop(); err != nil {
		return fmt.Errorf("cannot stop Postgres: %w", err)
	}
	var (
		s     sent
		group errgroup.Group
	)
	group.Go(func() (err error) {
		s, err = r.send(ctx, r.plan.absent(), 1, nil)
		return err
	})
	select {
	case <-ctx.Done():
	case <-time.After(r.plan.away):
	}
	m, err := memoryOf(r.collector.pid())
	err = errors.Join(err, r.server.start(ctx), group.Wait())
	if err != nil {
		return err
	}
	log.Printf("Postgres away for %s: at most %.0f MiB, %d requests repeated", r.plan.away, mebibytes(m.peak), s.retries)
	r.report.add("memory_postgres_away", mebibytes(m.peak))
	r.report.add("retries_postgres_away", float64(s.retries))
	return r.verify(ctx)
}
