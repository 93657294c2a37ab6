package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// Outcomes of the ledger beside usage.Reason. They are stored; never change them.
const (
	outcomeStored   = "stored"
	outcomeRepeated = "repeated"
	// outcomeNote precedes the reason of what was dropped from a record that was kept. Notes are not a part of what
	// was received.
	outcomeNote = "note:"
)

type ledgerLine struct {
	key     int32
	outcome string
}

func (l ledgerLine) isNote() bool { return strings.HasPrefix(l.outcome, outcomeNote) }

// ledger counts what became of the records of one batch.
type ledger map[ledgerLine]int64

const appendLedger = `
INSERT INTO ingest_ledger (key, hour, outcome, count)
SELECT key, $1, outcome, count FROM unnest($2::int[], $3::text[], $4::bigint[]) AS n (key, outcome, count)`

func (l ledger) write(ctx context.Context, tx pgx.Tx, received time.Time) error {
	lines := make([]ledgerLine, 0, len(l))
	for line, n := range l {
		if n > 0 {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	slices.SortFunc(lines, func(a, b ledgerLine) int {
		return cmp.Or(cmp.Compare(a.key, b.key), strings.Compare(a.outcome, b.outcome))
	})
	keys := make([]int32, len(lines))
	outcomes := make([]string, len(lines))
	counts := make([]int64, len(lines))
	for i, line := range lines {
		keys[i], outcomes[i], counts[i] = line.key, line.outcome, l[line]
	}
	_, err := tx.Exec(ctx, appendLedger, received.UTC().Truncate(time.Hour), keys, outcomes, counts)
	return err
}

// quarantined is a record that is kept for people to look at.
type quarantined struct {
	key                    int32
	reason, detail, record string
}

func quarantineOf(key int32, r *usage.Rejection) quarantined {
	return quarantined{
		key:    key,
		reason: string(r.Reason),
		detail: usage.Sanitize(r.Detail, usage.MaxDetail),
		record: usage.Sanitize(r.Record, usage.MaxRecord),
	}
}

// maxQuarantined bounds the quarantined records of a key and hour; the ledger counts all.
const maxQuarantined = 1000

const (
	// Two batches of one key would both find room for the last record.
	lockQuarantine  = `SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::int[]) AS k (key)`
	countQuarantine = `SELECT key, count(*) FROM quarantine WHERE key = ANY ($1) AND received_at >= $2 GROUP BY key`
	insertRows      = `
INSERT INTO quarantine (received_at, key, reason, detail, record)
SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[])`
)

// writeQuarantine keeps what there is room for.
func writeQuarantine(ctx context.Context, tx pgx.Tx, received time.Time, records []quarantined) error {
	if len(records) == 0 {
		return nil
	}
	keys := make([]int32, 0, len(records))
	for _, r := range records {
		keys = append(keys, r.key)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if _, err := tx.Exec(ctx, lockQuarantine, lockQuarantineClass, keys); err != nil {
		return err
	}
	held := map[int32]int{}
	rows, err := tx.Query(ctx, countQuarantine, keys, received.UTC().Truncate(time.Hour))
	if err != nil {
		return err
	}
	var key int32
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error { held[key] = n; return nil }); err != nil {
		return err
	}
	return insertQuarantine(ctx, tx, received, records, held)
}

func insertQuarantine(ctx context.Context, tx pgx.Tx, received time.Time, records []quarantined, held map[int32]int) error {
	var keys []int32
	var reasons, details, texts []string
	for _, r := range records {
		if held[r.key] >= maxQuarantined {
			continue
		}
		held[r.key]++
		keys, reasons = append(keys, r.key), append(reasons, r.reason)
		details, texts = append(details, r.detail), append(texts, r.record)
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, insertRows, received, keys, reasons, details, texts)
	return err
}
