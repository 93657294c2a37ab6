package postgres

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// total is a reported total on its way into the database.
type total struct {
	*usage.ReportedTotal
	key, reporter int32
}

func compareTotals(a, b total) int {
	return cmp.Or(cmp.Compare(a.key, b.key), bytes.Compare(a.Stream[:], b.Stream[:]),
		cmp.Compare(a.Start.UnixMicro(), b.Start.UnixMicro()), cmp.Compare(a.Time.UnixMicro(), b.Time.UnixMicro()))
}

const insertTotals = `
INSERT INTO reported_totals (key, stream, start, time, name, unit, attributes, value, count, reporter)
SELECT * FROM unnest($1::int[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[], $7::jsonb[],
	$8::double precision[], $9::bigint[], $10::int[])
ON CONFLICT DO NOTHING
RETURNING key, stream, start, time`

// writeTotals stores reported totals and counts them in the ledger.
func writeTotals(ctx context.Context, tx pgx.Tx, totals []total, l ledger) error {
	if len(totals) == 0 {
		return nil
	}
	slices.SortFunc(totals, compareTotals)
	n := len(totals)
	keys, reporters, streams := make([]int32, n), make([]int32, n), make([]pgtype.UUID, n)
	starts, times := make([]time.Time, n), make([]time.Time, n)
	names, units, attributes := make([]string, n), make([]string, n), make([][]byte, n)
	values, counts := make([]float64, n), make([]int64, n)
	for i, t := range totals {
		text, err := attributesJSON(t.Attributes)
		if err != nil {
			return err
		}
		keys[i], reporters[i], streams[i] = t.key, t.reporter, pgtype.UUID{Bytes: t.Stream, Valid: true}
		starts[i], times[i] = t.Start, t.Time
		names[i], units[i], attributes[i] = t.Name, t.Unit, text
		values[i], counts[i] = t.Value, int64(min(t.Count, math.MaxInt64))
		l[ledgerLine{t.reporter, outcomeRepeated}]++
	}
	rows, err := tx.Query(ctx, insertTotals, keys, streams, starts, times, names, units, attributes, values, counts, reporters)
	if err != nil {
		return err
	}
	stored := total{ReportedTotal: &usage.ReportedTotal{}}
	var stream pgtype.UUID
	_, err = pgx.ForEachRow(rows, []any{&stored.key, &stream, &stored.Start, &stored.Time}, func() error {
		stored.Stream = stream.Bytes
		at, found := slices.BinarySearchFunc(totals, stored, compareTotals)
		if !found {
			return errors.New("a reported total came back changed")
		}
		l[ledgerLine{totals[at].reporter, outcomeRepeated}]--
		l[ledgerLine{totals[at].reporter, outcomeStored}]++
		return nil
	})
	return err
}

func attributesJSON(attributes map[string]string) ([]byte, error) {
	if len(attributes) == 0 {
		return []byte("{}"), nil
	}
	text, err := json.Marshal(attributes)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the attributes of a metric: %w", err)
	}
	return text, nil
}

// isolateTotals is [isolate] for reported totals.
func isolateTotals(ctx context.Context, tx pgx.Tx, totals []total, l ledger) (bad []total, err error) {
	if len(totals) == 0 {
		return nil, nil
	}
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		own := ledger{}
		if err := writeTotals(ctx, tx, totals, own); err != nil {
			return err
		}
		for line, n := range own {
			l[line] += n
		}
		return nil
	})
	switch {
	case err == nil:
		return nil, nil
	case classify(err) != failureData:
		return nil, err
	case len(totals) == 1:
		return totals, nil
	}
	half := len(totals) / 2
	bad, err = isolateTotals(ctx, tx, totals[:half], l)
	if err != nil {
		return nil, err
	}
	more, err := isolateTotals(ctx, tx, totals[half:], l)
	return append(bad, more...), err
}
