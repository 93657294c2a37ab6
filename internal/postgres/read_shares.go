package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// What organisations had in a window is nearly all that there is to read of it. Where the window cuts a day, the lesser part of the
// day is read: what is of the window is added, or what is not is taken away from the day's row. So hardly any quarter of
// an hour is read of the day that goes on.

// sharesOf are the shares under a key ($1), whoever of the counted vantage ($2) and none saw them, of days from $3 to $4, and
// between $5 and $6, and $8 and $9, so many times.
const sharesOf = `
SELECT vantage, 1, shares FROM usage_counts WHERE key = $1 AND grain = 2 AND vantage IN (0, $2) AND bucket >= $3 AND bucket < $4 AND shares IS NOT NULL
UNION ALL SELECT vantage, $7::int, shares FROM usage_counts
	WHERE key = $1 AND grain IN (0, 1) AND vantage IN (0, $2) AND bucket >= $5 AND bucket < $6 AND shares IS NOT NULL
UNION ALL SELECT vantage, $10::int, shares FROM usage_counts
	WHERE key = $1 AND grain IN (0, 1) AND vantage IN (0, $2) AND bucket >= $8 AND bucket < $9 AND shares IS NOT NULL`

// edge is the part of a day between a midnight UTC and a bound of a window, to be added (1) or taken away (-1).
type edge struct {
	from, to time.Time
	times    int
}

// edges say which whole days make up a window together with two edges. These are half a day long at most.
func edges(w analytics.Window) (firstDay, lastDay time.Time, begin, end edge) {
	const noon = day / 2
	firstDay, lastDay = w.Start.UTC().Truncate(day), w.End.UTC().Truncate(day)
	begin, end = edge{firstDay, w.Start, -1}, edge{lastDay, w.End, 1}
	if w.Start.Sub(firstDay) > noon {
		firstDay = firstDay.Add(day)
		begin = edge{w.Start, firstDay, 1}
	}
	if w.End.Sub(lastDay) >= noon {
		lastDay = lastDay.Add(day)
		end = edge{w.End, lastDay, -1}
	}
	return firstDay, lastDay, begin, end
}

func queueShares(b *pgx.Batch, everybody int32, counted usage.Vantage, w analytics.Window, sums *shares) {
	firstDay, lastDay, begin, end := edges(w)
	args := []any{everybody, counted, firstDay, lastDay, begin.from, begin.to, begin.times, end.from, end.to, end.times}
	b.Queue(sharesOf, args...).Query(func(rows pgx.Rows) error {
		return eachRow(rows, func(r *rowReader) error {
			seen, times, value := usage.Vantage(r.int2()) == counted, r.int4(), r.next()
			if r.err != nil {
				return r.err
			}
			return sums.add(value, int64(times), seen)
		})
	})
}
