package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/time/rate"
)

// collecting is a collector on a database of its own, and how far the stream has been sent to it.
type collecting struct {
	*bench
	collector *collector
	db        *database

	next    int  // request
	stored  int  // events that the database has to hold
	opening sent // the first quarter of the run that began to fill the database
}

// send sends the next requests of the stream and checks that the database holds what it should.
func (r *collecting) send(ctx context.Context, requests, copies int, pace *rate.Limiter) (sent, error) {
	l := &load{
		stream: r.stream, url: r.collector.url("OTLP_HTTP", "/v1/traces"), key: r.platformKey,
		senders: r.plan.senders, copies: copies, pace: pace,
	}
	ctx, cancel := r.collector.whileAlive(ctx)
	defer cancel()
	s, err := l.run(ctx, r.next, r.next+requests)
	if err != nil {
		return s, fmt.Errorf("%w\n%s", err, r.collector.lastLog())
	}
	r.next += requests
	r.stored += s.events
	return s, nil
}

func (r *collecting) verify(ctx context.Context) error { return verify(ctx, r.db, r.stored) }

// warm lets caches and pools fill before anything is timed.
func (r *collecting) warm(ctx context.Context) error {
	_, err := r.send(ctx, r.plan.warm(), 1, nil)
	return err
}

// rest goes on, after once, with what needs much data.
func (r *collecting) rest(ctx context.Context, rate float64) error {
	return errors.Join(
		r.fullDatabase(ctx),
		r.reads(ctx),
		r.visible(ctx, rate),
		r.postgresAway(ctx),
	)
}
