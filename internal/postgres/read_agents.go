package postgres

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// slotsPerDay is the number of bits in agent_activity.slots.
const slotsPerDay = int(24 * time.Hour / usage.BucketWidth)

// countAgents counts agents with a bit inside the window: $5 masks the first UTC day ($2), $6 the last ($3); of the days
// between any bit will do.
const countAgents = `
SELECT count(DISTINCT agent)
FROM agent_activity
WHERE key = ANY($1) AND day BETWEEN $2 AND $3 AND vantage IN (0, $4)
	AND (day <> $2 OR slots & $5::text::bit(96) <> 0::bit(96))
	AND (day <> $3 OR slots & $6::text::bit(96) <> 0::bit(96))
	AND ($2 <> $3 OR slots & $5::text::bit(96) & $6::text::bit(96) <> 0::bit(96))`

func queueAgents(b *pgx.Batch, counted usage.Vantage, keys []int32, w analytics.Window, n *int64) {
	first, last := w.Start.UTC(), w.End.UTC().Add(-usage.BucketWidth)
	b.Queue(countAgents, keys, first.Truncate(24*time.Hour), last.Truncate(24*time.Hour), counted,
		slotMask(slotOf(first), slotsPerDay-1), slotMask(0, slotOf(last)),
	).QueryRow(func(row pgx.Row) error { return row.Scan(n) })
}

// slotOf is the number of the bucket in its UTC day.
func slotOf(t time.Time) int { return int(t.Sub(t.Truncate(24*time.Hour)) / usage.BucketWidth) }

// slotMask has ones from first to last, both included. Bit 0 is the leftmost.
func slotMask(first, last int) string {
	return strings.Repeat("0", first) + strings.Repeat("1", last-first+1) + strings.Repeat("0", slotsPerDay-1-last)
}
