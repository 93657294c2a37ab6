package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

// collecting is a collector on a database of its own, and how far the stream has been sent to it.
type collecting struct {
	*bench
	collector *collector
	db        *database

	next   int // request
	stored int // events that the database has to hold
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

// once measures the whole way, and what it costs.
func (r *collecting) once(ctx context.Context, raw written) (rate float64, err error) {
	if err := r.warm(ctx); err != nil {
		return 0, err
	}
	meter, err := r.db.meter(ctx)
	if err != nil {
		return 0, err
	}
	cpu, err := cpuOf(r.collector.pid())
	if err != nil {
		return 0, err
	}
	opening, err := r.send(ctx, r.plan.opening(), 1, nil)
	if err != nil {
		return 0, err
	}
	rest, err := r.send(ctx, r.plan.run()-r.plan.opening(), 1, nil)
	if err != nil {
		return 0, err
	}
	w := written{events: opening.events + rest.events, took: opening.took + rest.took}
	if err := meter.read(ctx, &w); err != nil {
		return 0, err
	}
	cpuAfter, err := cpuOf(r.collector.pid())
	if err != nil {
		return 0, err
	}
	m, err := memoryOf(r.collector.pid())
	if err != nil {
		return 0, err
	}
	if err := r.verify(ctx); err != nil {
		return 0, err
	}
	log.Printf("collector: %.0f events/s (%.2f of raw COPY), %.0f B/event, %.0f B/event of WAL, %.0f MiB",
		w.rate(), w.rate()/raw.rate(), w.diskPerEvent(), w.walPerEvent(), mebibytes(m.peak))
	millions := float64(w.events) / 1e6
	r.report.add("ingest_ratio", w.rate()/raw.rate())
	r.report.add("ingest_rate", w.rate())
	r.report.add("ingest_opening_rate", opening.rate())
	r.report.add("disk_ratio", w.diskPerEvent()/raw.diskPerEvent())
	r.report.add("wal_ratio", w.walPerEvent()/raw.walPerEvent())
	r.report.add("ingest_disk", w.diskPerEvent())
	r.report.add("ingest_wal", w.walPerEvent())
	r.report.add("memory_full_load", mebibytes(m.peak))
	r.report.add("request_p50", milliseconds(rest.latencies.quantile(0.5)))
	r.report.add("request_p99", milliseconds(rest.latencies.quantile(0.99)))
	r.report.add("collector_cpu", (cpuAfter-cpu).Seconds()/millions)
	r.report.add("generator_cpu", (opening.cpu+rest.cpu).Seconds()/millions)
	return w.rate(), nil
}

// twice measures the whole way when each batch is sent again once it was answered.
func (r *collecting) twice(ctx context.Context, raw written) error {
	if err := r.warm(ctx); err != nil {
		return err
	}
	if err := r.db.exec(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	s, err := r.send(ctx, r.plan.twice(), 2, nil)
	if err != nil {
		return err
	}
	if err := r.verify(ctx); err != nil {
		return err
	}
	log.Printf("collector, each batch twice: %.0f events/s (%.2f of raw COPY)", s.rate(), s.rate()/raw.rate())
	r.report.add("ingest_twice_ratio", s.rate()/raw.rate())
	r.report.add("ingest_twice_rate", s.rate())
	return nil
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

// fullDatabase measures the rate of ingest when much is stored already.
func (r *collecting) fullDatabase(ctx context.Context) error {
	if more := r.plan.stored() - r.next; more > 0 {
		if _, err := r.send(ctx, more, 1, nil); err != nil {
			return err
		}
	}
	if err := r.db.exec(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	s, err := r.send(ctx, r.plan.opening(), 1, nil)
	if err != nil {
		return err
	}
	if err := r.verify(ctx); err != nil {
		return err
	}
	log.Printf("collector, %d events stored: %.0f events/s", r.stored-s.events, s.rate())
	r.report.add("ingest_stored_rate", s.rate())
	r.report.add("ingest_stored_ratio", s.rate()/median(r.report.figure("ingest_opening_rate").samples))
	return nil
}

// reads times questions about what is stored, with nothing else to do.
func (r *collecting) reads(ctx context.Context) error {
	usage, err := readUsage(ctx, r.collector.url("API", "/analytics/usage"), r.stream.customers, 2000)
	if err != nil {
		return err
	}
	r.report.add("usage_p50", milliseconds(usage.quantile(0.5)))
	r.report.add("usage_p99", milliseconds(usage.quantile(0.99)))
	platform, err := readPlatform(ctx, r.collector.url("API", "/analytics/platform"), r.adminKey, 200)
	if err != nil {
		return err
	}
	r.report.add("platform_p50", milliseconds(platform.quantile(0.5)))
	r.report.add("platform_p99", milliseconds(platform.quantile(0.99)))
	log.Printf("usage: p50 %s, p99 %s; platform: p50 %s, p99 %s",
		usage.quantile(0.5), usage.quantile(0.99), platform.quantile(0.5), platform.quantile(0.99))
	return nil
}

// visible times how long a span takes into the answers of the API, at half the load that the collector can take.
func (r *collecting) visible(ctx context.Context, full float64) error {
	pace := rate.NewLimiter(rate.Limit(full/2/spansPerRequest), 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	group, watching := errgroup.WithContext(watching)
	all := make([]*prober, len(r.watched))
	for i := range r.watched {
		all[i] = &prober{
			customer: &r.watched[i], platformKey: r.platformKey, client: http.DefaultClient,
			tracesURL: r.collector.url("OTLP_HTTP", "/v1/traces"), usageURL: r.collector.url("API", "/analytics/usage"),
		}
		group.Go(func() error { return all[i].run(watching) })
	}
	_, err := r.send(ctx, r.plan.half(full), 1, pace)
	stop()
	if err := errors.Join(err, group.Wait()); err != nil {
		return err
	}
	var delays durations
	for _, p := range all {
		delays = append(delays, p.delays...)
		r.stored += int(p.spans)
	}
	log.Printf("send to visible, %d probes: p50 %s, p99 %s", len(delays), delays.quantile(0.5), delays.quantile(0.99))
	r.report.add("visible_p50", milliseconds(delays.quantile(0.5)))
	r.report.add("visible_p99", milliseconds(delays.quantile(0.99)))
	return r.verify(ctx)
}

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

func mebibytes(n int64) float64            { return float64(n) / (1 << 20) }
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
