package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Columns of usage_counts in the order in which countsWriter writes them.
var countsColumns = []string{
	"bucket", "key", "grain", "vantage", "dimension", "value", "count", "errors", "payments", "agents", "services",
	"duration_us", "volume", "fees", "latency", "seen", "shares",
}

// maxCells bounds the cells of a row: a latency entry has 8 bits for the number of its cell, which begins at 1.
const maxCells = 255

// The parts of a latency entry: cell << 23 | bucket << 13 | how many.
const (
	latencyCellShift   = 23
	latencyBucketShift = 13
	latencyBucketMask  = 1<<(latencyCellShift-latencyBucketShift) - 1
	maxLatencyCount    = 1<<latencyBucketShift - 1
)

// write appends the statistics to usage_counts.
func (s statistics) write(ctx context.Context, tx pgx.Tx) error {
	if len(s) == 0 {
		return nil
	}
	periods := make([]period, 0, len(s))
	for p := range s {
		periods = append(periods, p)
	}
	slices.SortFunc(periods, period.compare) // neighbours in the index, and the same rows for the same events
	w := countsWriters.Get().(*countsWriter)
	defer countsWriters.Put(w)
	w.out = appendCopyHeader(w.out[:0])
	for _, p := range periods {
		w.tally(p, s[p])
	}
	w.out = appendCopyTrailer(w.out)
	return copyFrom(ctx, tx, "usage_counts", countsColumns, w.out)
}

// countsWriter encodes rows for COPY.
type countsWriter struct {
	out []byte
	// One array to a column, emptied for each row.
	dimension, value, count, errors, payments, agents, services array
	duration, volume, fees, latency, seen                       array
	shares                                                      []byte
}

// countsWriters hold some hundred kilobytes for each batch that is being written.
var countsWriters = sync.Pool{New: func() any { return newCountsWriter() }}

func newCountsWriter() *countsWriter {
	w := &countsWriter{}
	w.dimension.element = pgtype.Int2OID
	for _, a := range []*array{&w.value, &w.count, &w.errors, &w.payments, &w.agents, &w.services, &w.latency} {
		a.element = pgtype.Int4OID
	}
	w.duration.element, w.seen.element = pgtype.Int8OID, pgtype.Int8OID
	w.volume.element, w.fees.element = pgtype.NumericOID, pgtype.NumericOID
	return w
}

// places order the dimensions of a row so that the figures which few of them have stand together at the front, and the
// arrays of those figures end early.
var places = [...]int{
	dimensionPayments: 0, dimensionClaimed: 0, // volume, fees
	dimensionTotal: 1, dimensionService: 3, // payments
	dimensionEndpoint: 2, // durations, as the total has
	dimensionEvent:    4, dimensionSDK: 4, dimensionCountry: 4, dimensionOperation: 4, dimensionRefused: 4,
}

func compareCells(a, b *figures) int {
	return cmp.Or(cmp.Compare(places[a.dimension], places[b.dimension]), cmp.Compare(a.dimension, b.dimension), cmp.Compare(a.value, b.value))
}

// tally writes a period, in several rows when it has many cells.
func (w *countsWriter) tally(p period, t *tally) {
	cells := make([]*figures, 0, len(t.cells))
	var shares []*figures
	for i := range t.cells {
		if f := &t.cells[i]; f.dimension == dimensionOrganization {
			shares = appendFitting(shares, f)
		} else {
			cells = appendFitting(cells, f)
		}
	}
	slices.SortFunc(cells, compareCells)
	slices.SortFunc(shares, func(a, b *figures) int { return cmp.Compare(a.value, b.value) })
	w.shares = appendShares(w.shares[:0], shares)
	seen := make([]int64, 0, len(t.seen))
	for agent := range t.seen {
		seen = append(seen, agent)
	}
	slices.Sort(seen)
	for first := true; first || len(cells) > 0; first = false {
		n := min(len(cells), maxCells)
		w.row(p, cells[:n], seen)
		cells, seen, w.shares = cells[n:], nil, w.shares[:0]
	}
}

// appendFitting appends figures, in parts where a count is too large for its column.
func appendFitting(cells []*figures, f *figures) []*figures {
	for f.count > math.MaxInt32 || f.errors > math.MaxInt32 || f.payments > math.MaxInt32 || f.agents > math.MaxInt32 || f.services > math.MaxInt32 {
		part, rest := figures{cell: f.cell}, *f
		for _, n := range [...]struct{ part, rest *int64 }{
			{&part.count, &rest.count}, {&part.errors, &rest.errors}, {&part.payments, &rest.payments},
			{&part.agents, &rest.agents}, {&part.services, &rest.services},
		} {
			*n.part = min(*n.rest, math.MaxInt32)
			*n.rest -= *n.part
		}
		cells, f = append(cells, &part), &rest
	}
	return append(cells, f)
}

func (w *countsWriter) row(p period, cells []*figures, seen []int64) {
	for _, a := range []*array{
		&w.dimension, &w.value, &w.count, &w.errors, &w.payments, &w.agents, &w.services, &w.duration, &w.volume, &w.fees, &w.latency, &w.seen,
	} {
		a.reset()
	}
	for i, f := range cells {
		w.cell(i, f)
	}
	for _, agent := range seen {
		w.seen.int8(agent)
	}
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(countsColumns)))
	w.out = appendInt8(w.out, p.bucket-postgresEpochMicros)
	w.out = appendInt4(w.out, p.key)
	w.out = appendInt2(w.out, int16(p.grain))
	w.out = appendInt2(w.out, int16(p.vantage))
	for _, a := range []*array{&w.dimension, &w.value, &w.count} { // never NULL
		w.out = appendSized(w.out, a.append)
	}
	for _, a := range []*array{&w.errors, &w.payments, &w.agents, &w.services, &w.duration, &w.volume, &w.fees, &w.latency, &w.seen} {
		if a.n == 0 {
			w.out = appendNull(w.out)
		} else {
			w.out = appendSized(w.out, a.append)
		}
	}
	if len(w.shares) == 0 {
		w.out = appendNull(w.out)
	} else {
		w.out = appendBytes(w.out, w.shares)
	}
}

// cell adds the i-th cell of a row.
func (w *countsWriter) cell(i int, f *figures) {
	w.dimension.int2(f.dimension)
	w.value.int4(f.value)
	w.count.int4(int32(f.count))
	for _, sparse := range [...]struct {
		a *array
		n int64
	}{{&w.errors, f.errors}, {&w.payments, f.payments}, {&w.agents, f.agents}, {&w.services, f.services}} {
		if sparse.n != 0 {
			sparse.a.padInt4(i)
			sparse.a.int4(int32(sparse.n))
		}
	}
	if f.durationMicros != 0 {
		w.duration.padInt8(i)
		w.duration.int8(f.durationMicros)
	}
	if f.dimension == dimensionPayments || f.dimension == dimensionClaimed { // the first cells of all
		w.volume.decimal(f.volume)
		w.fees.decimal(f.fees)
	}
	for _, l := range f.latency {
		for n := l.Count; n > 0; {
			part := min(n, maxLatencyCount)
			w.latency.int4(int32(i+1)<<latencyCellShift | int32(l.Bucket)<<latencyBucketShift | int32(part))
			n -= part
		}
	}
}
