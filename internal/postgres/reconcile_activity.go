package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// activityDiffering compares when keys were seen last with all statistics. A key that was seen before the oldest of them is
// left out: what it was seen by has been dropped.
func (r *reconciliation) activityDiffering(ctx context.Context, tx pgx.Tx) ([]unnamed, error) {
	stored := map[watched]int64{}
	rows, err := tx.Query(ctx, `SELECT key, vantage, last FROM key_activity WHERE last >= $1`, r.since)
	if err != nil {
		return nil, err
	}
	var at watched
	var last time.Time
	if _, err := pgx.ForEachRow(rows, []any{&at.key, &at.vantage, &last}, func() error {
		stored[at] = last.UnixMicro()
		return nil
	}); err != nil {
		return nil, err
	}
	return compareActivity(r.last, stored), nil
}

func compareActivity(counted, stored map[watched]int64) []unnamed {
	var list []unnamed
	for at := range union(counted, stored) {
		c, isCounted := counted[at]
		s, isStored := stored[at]
		if c == s && isCounted == isStored {
			continue
		}
		d := unnamed{period: period{key: at.key, vantage: at.vantage, bucket: c}, cell: cell{dimension: dimensionLastSeen}, Difference: Difference{Column: "last"}}
		if isStored {
			d.bucket, d.Stored = s, time.UnixMicro(s).UTC().Format(time.RFC3339)
		}
		if isCounted {
			d.Counted = time.UnixMicro(c).UTC().Format(time.RFC3339)
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b unnamed) int { return a.period.compare(b.period) })
	return list
}
