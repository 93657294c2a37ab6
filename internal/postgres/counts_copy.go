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
	w.out = appendCopyHeader(w.out[:0])
	for _, p := range periods {
		w.tally(p, s[p])
	}
	w.out = appendCopyTrailer(w.out)
	err := copyFrom(ctx, tx, "usage_counts", countsColumns, w.out)
	if err == nil {
		w.release()
	}
	return err
}

// countsWriter encodes rows for COPY.
type countsWriter struct {
	out []byte
	// One array to a column, emptied for each row.
	dimension, value, count, errors, payments, created, services array
	duration, volume, fees, latency, seen                        array
	shares                                                       []byte
	// What a period has, in order.
	cells, organizations []placed
	agents               []int64
}

// countsWriters hold some hundred kilobytes for each batch that is being written.
var countsWriters = sync.Pool{New: func() any { return newCountsWriter() }}

func (w *countsWriter) release() {
	clear(w.cells[:cap(w.cells)]) // what they point to is not to be kept
	clear(w.organizations[:cap(w.organizations)])
	countsWriters.Put(w)
}

func newCountsWriter() *countsWriter {
	w := &countsWriter{}
	w.dimension.element = pgtype.Int2OID
	for _, a := range []*array{&w.value, &w.count, &w.errors, &w.payments, &w.created, &w.services, &w.latency} {
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

// placed is a cell and its place in a row.
type placed struct {
	place uint64 // the place of the dimension, the dimension, the value
	*figures
}

func placeOf(f *figures) placed {
	const sign = 1 << 31 // which would put negative values last
	return placed{uint64(places[f.dimension])<<48 | uint64(f.dimension)<<32 | uint64(uint32(f.value)^sign), f}
}

func comparePlaces(a, b placed) int { return cmp.Compare(a.place, b.place) }

// tally writes a period, in several rows when it has many cells.
func (w *countsWriter) tally(p period, t *tally) {
	w.cells, w.organizations, w.agents = w.cells[:0], w.organizations[:0], w.agents[:0]
	for i := range t.cells {
		if f := &t.cells[i]; f.dimension == dimensionOrganization {
			w.organizations = appendFitting(w.organizations, f)
		} else {
			w.cells = appendFitting(w.cells, f)
		}
	}
	slices.SortFunc(w.cells, comparePlaces)
	slices.SortFunc(w.organizations, comparePlaces)
	for _, f := range w.organizations {
		w.shares = appendShare(w.shares, f.figures)
	}
	for agent := range t.seen {
		w.agents = append(w.agents, agent)
	}
	slices.Sort(w.agents)
	cells, agents := w.cells, w.agents
	for first := true; first || len(cells) > 0; first = false {
		n := min(len(cells), maxCells)
		w.row(p, cells[:n], agents)
		cells, agents, w.shares = cells[n:], nil, w.shares[:0]
	}
}

// appendFitting appends figures, in parts where a count is too large for its column.
func appendFitting(cells []placed, f *figures) []placed {
	for max(f.count, f.errors, f.payments, f.agents, f.services) > math.MaxInt32 {
		part, rest := figures{cell: f.cell}, *f
		for _, n := range [...]struct{ part, rest *int64 }{
			{&part.count, &rest.count}, {&part.errors, &rest.errors}, {&part.payments, &rest.payments},
			{&part.agents, &rest.agents}, {&part.services, &rest.services},
		} {
			*n.part = min(*n.rest, math.MaxInt32)
			*n.rest -= *n.part
		}
		cells, f = append(cells, placeOf(&part)), &rest
	}
	return append(cells, placeOf(f))
}

func (w *countsWriter) row(p period, cells []placed, seen []int64) {
	for _, a := range []*array{
		&w.dimension, &w.value, &w.count, &w.errors, &w.payments, &w.created, &w.services, &w.duration, &w.volume, &w.fees, &w.latency, &w.seen,
	} {
		a.reset()
	}
	for i, f := range cells {
		w.cell(i, f.figures)
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
	for _, a := range []*array{&w.errors, &w.payments, &w.created, &w.services, &w.duration, &w.volume, &w.fees, &w.latency, &w.seen} {
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
	w.errors.sparseInt4(i, f.errors)
	w.payments.sparseInt4(i, f.payments)
	w.created.sparseInt4(i, f.agents)
	w.services.sparseInt4(i, f.services)
	if f.durationMicros != 0 {
		w.duration.padInt8(i)
		w.duration.int8(f.durationMicros)
	}
	if f.dimension == dimensionPayments || f.dimension == dimensionClaimed { // the first cells of all
		w.volume.amount(&f.volume)
		w.fees.amount(&f.fees)
	}
	for _, l := range f.latency {
		for n := l.Count; n > 0; {
			part := min(n, maxLatencyCount)
			w.latency.int4(int32(i+1)<<latencyCellShift | int32(l.Bucket)<<latencyBucketShift | int32(part))
			n -= part
		}
	}
}
