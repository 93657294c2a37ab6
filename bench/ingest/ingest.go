package main

import (
	"context"
	"log"
	"time"
)

// once measures the whole way, and what it costs.
func (r *collecting) once(ctx context.Context, raw written) (rate float64, err error) {
	if err := r.warm(ctx); err != nil {
		return 0, err
	}
	in, err := r.ingest(ctx)
	if err != nil {
		return 0, err
	}
	if err := r.verify(ctx); err != nil {
		return 0, err
	}
	log.Printf("collector: %.0f events/s (%.2f of raw COPY), %.0f B/event, %.0f B/event of WAL, %.0f MiB",
		in.rate(), in.rate()/raw.rate(), in.diskPerEvent(), in.walPerEvent(), mebibytes(in.memory.peak))
	in.addTo(r.report, raw)
	sizes, err := r.db.sizes(ctx)
	if err != nil {
		return 0, err
	}
	for table, n := range sizes {
		r.report.add("disk_"+table, float64(n)/float64(r.stored))
	}
	return in.rate(), nil
}

// ingested is a run and what it cost.
type ingested struct {
	written
	opening, rest sent
	cpu           processors
	memory        memory
}

// ingest sends a run. Its opening quarter is timed apart.
func (r *collecting) ingest(ctx context.Context) (in ingested, err error) {
	meter, err := r.db.meter(ctx)
	if err != nil {
		return in, err
	}
	before, err := r.processors()
	if err != nil {
		return in, err
	}
	if in.opening, err = r.send(ctx, r.plan.opening(), 1, nil); err != nil {
		return in, err
	}
	r.opening = in.opening
	if in.rest, err = r.send(ctx, r.plan.run()-r.plan.opening(), 1, nil); err != nil {
		return in, err
	}
	in.events, in.took = in.opening.events+in.rest.events, in.opening.took+in.rest.took
	if err := meter.read(ctx, &in.written); err != nil {
		return in, err
	}
	after, err := r.processors()
	if err != nil {
		return in, err
	}
	in.cpu = processors{after.collector - before.collector, after.postgres - before.postgres, after.generator - before.generator}
	in.memory, err = memoryOf(r.collector.pid())
	return in, err
}

func (in *ingested) addTo(r *report, raw written) {
	millions := float64(in.events) / 1e6
	r.add("ingest_ratio", in.rate()/raw.rate())
	r.add("ingest_rate", in.rate())
	r.add("ingest_opening_rate", in.opening.rate())
	r.add("disk_ratio", in.diskPerEvent()/raw.diskPerEvent())
	r.add("wal_ratio", in.walPerEvent()/raw.walPerEvent())
	r.add("ingest_disk", in.diskPerEvent())
	r.add("ingest_wal", in.walPerEvent())
	r.add("memory_full_load", mebibytes(in.memory.peak))
	r.add("request_p50", milliseconds(in.rest.latencies.quantile(0.5)))
	r.add("request_p99", milliseconds(in.rest.latencies.quantile(0.99)))
	r.add("collector_cpu", in.cpu.collector.Seconds()/millions)
	r.add("postgres_cpu", in.cpu.postgres.Seconds()/millions)
	r.add("generator_cpu", in.cpu.generator.Seconds()/millions)
}

// processors is the processor time that the three have used.
type processors struct{ collector, postgres, generator time.Duration }

func (r *collecting) processors() (p processors, err error) {
	postmaster, err := r.server.pid()
	if err != nil {
		return p, err
	}
	if p.postgres, err = cpuOf(postmaster); err != nil {
		return p, err
	}
	p.generator = ownCPU()
	p.collector, err = cpuOf(r.collector.pid())
	return p, err
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
	grown{sent: s, opening: r.opening}.addTo(r.report)
	return nil
}

// grown is a part of a run that met a database in which much is stored, beside the opening quarter that filled the same
// database: a ratio to another round's would be one of the machine's moods.
type grown struct{ sent, opening sent }

func (g grown) addTo(r *report) {
	r.add("ingest_stored_rate", g.sent.rate())
	r.add("ingest_stored_ratio", g.sent.rate()/g.opening.rate())
}
