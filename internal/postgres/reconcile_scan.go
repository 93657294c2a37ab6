package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// reconciliation is one comparison.
type reconciliation struct {
	cfg      ReconcileConfig
	report   *Report
	random   *randomness
	meanings names
	holders  map[int32]holder
	last     map[watched]int64 // the last quarter of an hour with statistics
	since    time.Time         // what is older is sealed
	sent     map[int32]sent    // by key; events that are not sealed
}

func newReconciliation(ctx context.Context, tx pgx.Tx, cfg ReconcileConfig) (*reconciliation, error) {
	r := &reconciliation{cfg: cfg, report: &Report{}, random: newRandomness(), last: map[watched]int64{}, sent: map[int32]sent{}}
	var err error
	if r.meanings, err = findMeanings(ctx, tx); err != nil {
		return nil, err
	}
	r.holders, err = everyHolder(ctx, tx)
	return r, err
}

// findDiffering compares all keys and days by their sums, and returns those that differ, in order.
func findDiffering(ctx context.Context, txs []pgx.Tx, cfg ReconcileConfig) (*reconciliation, []keyDay, error) {
	r, err := newReconciliation(ctx, txs[0], cfg)
	if err != nil {
		return nil, nil, err
	}
	from, to, err := r.span(ctx, txs[0])
	if err != nil {
		return nil, nil, err
	}
	all := map[keyDay]struct{}{}
	for ; from.Before(to); from = weekly("", from).end {
		differing, err := r.week(ctx, txs, from, earliest(to, weekly("", from).end))
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(all, differing)
	}
	return r, slices.SortedFunc(maps.Keys(all), keyDay.compare), nil
}

// compare puts all keys together last: when they differ, single ones may be why.
func (a keyDay) compare(b keyDay) int {
	return cmp.Or(cmp.Compare(uint32(a.key), uint32(b.key)), cmp.Compare(a.day, b.day))
}

func earliest(times ...time.Time) time.Time { return slices.MinFunc(times, time.Time.Compare) }
func latest(times ...time.Time) time.Time   { return slices.MaxFunc(times, time.Time.Compare) }

// span is what there are partitions for, within the bounds of the configuration and not sealed.
func (r *reconciliation) span(ctx context.Context, tx pgx.Tx) (from, to time.Time, err error) {
	const bounds = `
		SELECT coalesce(min(bound[1]::timestamptz), 'epoch'), coalesce(max(bound[2]::timestamptz), 'epoch')
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		CROSS JOIN regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.*)''\) TO \(''(.*)''\)') AS bound
		WHERE i.inhparent IN ('audit_logs'::regclass, 'usage_counts'::regclass)`
	if err := tx.QueryRow(ctx, bounds).Scan(&from, &to); err != nil {
		return from, to, err
	}
	sealed, err := sealedBefore(ctx, tx)
	if err != nil {
		return from, to, err
	}
	r.since = latest(from.UTC(), sealed.UTC())
	from, to = from.UTC(), to.UTC()
	if !r.cfg.From.IsZero() {
		from = latest(from, r.cfg.From.UTC().Truncate(24*time.Hour))
	}
	if !r.cfg.To.IsZero() {
		to = earliest(to, r.cfg.To.UTC().Truncate(24*time.Hour))
	}
	if from.Before(r.since) {
		const days = `SELECT count(DISTINCT date_trunc('day', bucket, 'UTC')) FROM usage_counts WHERE bucket >= $1 AND bucket < $2`
		if err := tx.QueryRow(ctx, days, from, earliest(to, r.since)).Scan(&r.report.Sealed); err != nil {
			return from, to, err
		}
		from = r.since
	}
	return from, to, nil
}

// week compares days of one week. When their agents do not fit into memory, it takes a part of them at a time.
func (r *reconciliation) week(ctx context.Context, txs []pgx.Tx, from, to time.Time) (map[keyDay]struct{}, error) {
	statements, err := readings(ctx, txs[0], from, to)
	if err != nil || len(statements) == 0 {
		return nil, err
	}
	admitted, err := admittedTogether(ctx, txs[0], from, to)
	if err != nil {
		return nil, err
	}
	for parts := 1; ; parts *= 4 {
		differing := map[keyDay]struct{}{}
		var report Report
		var p *pass
		full := false
		for part := 0; part < parts && !full; part++ {
			p = r.newPass(len(txs), admitted, part, parts)
			if err := p.run(ctx, txs, statements); err != nil {
				return nil, err
			}
			full = p.counted.full() || p.stored.full()
			p.compare(differing)
			agents := report.Agents + p.counted.n.Load()
			report = p.report(r.last)
			report.Agents = agents
		}
		if !full {
			r.report.Events += report.Events
			r.report.Rows += report.Rows
			r.report.Agents += report.Agents
			p.addSent(r.sent)
			return differing, nil
		}
	}
}

// reading is a statement that reads a piece of a table.
type reading struct {
	sql    string
	events bool // or statistics
}

// pagesAtOnce is how much one statement reads, in pages of 8 kB.
const pagesAtOnce = 1024

// readings cover the partitions of a span within one week.
func readings(ctx context.Context, tx pgx.Tx, from, to time.Time) ([]reading, error) {
	const pages = `SELECT coalesce(max(pg_relation_size(to_regclass(name)) / current_setting('block_size')::int), 0) FROM unnest($1::text[]) AS name`
	last := to.Add(-time.Microsecond)
	var list []reading
	for _, of := range []struct {
		partitions []string
		events     bool
		statement  func(from, to time.Time, more string) string
	}{
		{[]string{weekly("audit_logs", from).name}, true, eventsIn},
		{[]string{monthly("usage_counts", from).name, monthly("usage_counts", last).name}, false, rowsIn},
	} {
		var size int
		if err := tx.QueryRow(ctx, pages, of.partitions).Scan(&size); err != nil {
			return nil, err
		}
		for at := 0; at < size; at += pagesAtOnce {
			more := fmt.Sprintf("AND ctid >= '(%d,0)'", at)
			if at+pagesAtOnce < size { // a table that grows meanwhile is read to its end
				more += fmt.Sprintf(" AND ctid < '(%d,0)'", at+pagesAtOnce)
			}
			list = append(list, reading{of.statement(from, to, more), of.events})
		}
	}
	return list, nil
}

// pass reads events and statistics once.
type pass struct {
	counted, stored *agentSet
	workers         []*scanner
}

// scanner is what one goroutine reads into.
type scanner struct {
	counted, stored *sums
	events          *recounter
	rows            *countsReader
}

func (r *reconciliation) newPass(workers int, view admitted, part, parts int) *pass {
	limit := cmp.Or(r.cfg.maxAgents, maxAgents)
	p := &pass{counted: newAgentSet(r.random.seed, part, parts, limit), stored: newAgentSet(r.random.seed, part, parts, limit)}
	for range workers {
		s := &scanner{counted: newSums(r.random, p.counted), stored: newSums(r.random, p.stored), events: newRecounter(r.meanings)}
		s.rows = &countsReader{stored: s.stored, last: map[watched]int64{}, together: &gatherer{counted: s.counted, holders: r.holders, admitted: view}}
		p.workers = append(p.workers, s)
	}
	return p
}

// run lets each worker take the next statement when it is done with one.
func (p *pass) run(ctx context.Context, txs []pgx.Tx, statements []reading) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range p.workers {
		group.Go(func() error {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(statements) {
					return nil
				}
				if err := s.read(ctx, txs[i], statements[at]); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func (s *scanner) read(ctx context.Context, tx pgx.Tx, from reading) error {
	if from.events {
		return copyRows(ctx, tx, from.sql, func(fields [][]byte) error { return s.events.event(fields, s.counted) })
	}
	return copyRows(ctx, tx, from.sql, s.rows.row)
}

// compare adds the keys and days whose sums differ.
func (p *pass) compare(differing map[keyDay]struct{}) {
	left := map[keyDay]daySum{} // what was counted, less what is stored
	for _, s := range p.workers {
		for at, sum := range s.counted.of {
			l := left[at]
			l.figures, l.agents = l.figures.plus(sum.figures), l.agents.plus(sum.agents)
			left[at] = l
		}
		for at, sum := range s.stored.of {
			l := left[at]
			l.figures, l.agents = l.figures.minus(sum.figures), l.agents.minus(sum.agents)
			left[at] = l
		}
	}
	for at, l := range left {
		if l != (daySum{}) {
			differing[at] = struct{}{}
		}
	}
}

// addSent adds who sent the events that were read.
func (p *pass) addSent(to map[int32]sent) {
	for _, s := range p.workers {
		for key, n := range s.events.sent {
			sum := to[key]
			to[key] = sent{own: sum.own + n.own, trusted: sum.trusted + n.trusted}
		}
	}
}

// report counts what was read, and notes when keys were seen last.
func (p *pass) report(last map[watched]int64) (r Report) {
	for _, s := range p.workers {
		r.Events += s.events.events
		r.Rows += s.rows.cells
		for at, bucket := range s.rows.last {
			if known, ok := last[at]; !ok || known < bucket {
				last[at] = bucket
			}
		}
	}
	return r
}
