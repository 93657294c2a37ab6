package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// activity keeps the last quarter of an hour in which each key was seen: users that are active can be counted without a
// look at the statistics of every key. A key costs one row a quarter of an hour at most.
type activity struct {
	written *otter.Cache[watched, int64] // the last bucket that is known to be written
}

// watched is the primary key of key_activity.
type watched struct {
	key     int32
	vantage usage.Vantage
}

// activePeriod is a row of key_activity.
type activePeriod struct {
	watched
	bucket int64
}

func newActivity() *activity {
	return &activity{written: otter.Must(&otter.Options[watched, int64]{MaximumSize: 200_000, Executor: inline})}
}

const upsertActivity = `
INSERT INTO key_activity AS a (key, vantage, last)
SELECT * FROM unnest($1::int[], $2::smallint[], $3::timestamptz[])
ON CONFLICT (key, vantage) DO UPDATE SET last = excluded.last WHERE a.last < excluded.last`

// write notes the keys that were seen later than before. What it returns is to be remembered after COMMIT.
func (a *activity) write(ctx context.Context, tx pgx.Tx, counts statistics) ([]activePeriod, error) {
	latest := map[watched]int64{}
	for p := range counts {
		at := watched{p.key, p.vantage}
		if last, ok := latest[at]; !ok || last < p.bucket {
			latest[at] = p.bucket
		}
	}
	var keys []int32
	var vantages []int16
	var times []time.Time
	rows := make([]period, 0, len(latest))
	for at, bucket := range latest {
		if last, ok := a.written.GetIfPresent(at); !ok || last < bucket {
			rows = append(rows, period{key: at.key, vantage: at.vantage, bucket: bucket})
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	slices.SortFunc(rows, period.compare)
	written := make([]activePeriod, 0, len(rows))
	for _, r := range rows {
		keys, vantages, times = append(keys, r.key), append(vantages, int16(r.vantage)), append(times, time.UnixMicro(r.bucket))
		written = append(written, activePeriod{watched{r.key, r.vantage}, r.bucket})
	}
	_, err := tx.Exec(ctx, upsertActivity, keys, vantages, times)
	return written, err
}

func (a *activity) remember(written []activePeriod) {
	for _, w := range written {
		a.written.Set(w.watched, w.bucket)
	}
}
