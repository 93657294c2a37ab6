package postgres

import (
	"cmp"
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

// news are the keys that were seen later than before, in order. They are to be remembered after COMMIT.
func (a *activity) news(counts statistics) []activePeriod {
	latest := map[watched]int64{}
	for p := range counts {
		at := watched{p.key, p.vantage}
		if last, ok := latest[at]; !ok || last < p.bucket {
			latest[at] = p.bucket
		}
	}
	news := make([]activePeriod, 0, len(latest))
	for at, bucket := range latest {
		if last, ok := a.written.GetIfPresent(at); !ok || last < bucket {
			news = append(news, activePeriod{at, bucket})
		}
	}
	slices.SortFunc(news, func(a, b activePeriod) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.vantage, b.vantage))
	})
	return news
}

func writeActivity(ctx context.Context, tx pgx.Tx, news []activePeriod) error {
	if len(news) == 0 {
		return nil
	}
	var keys []int32
	var vantages []int16
	var times []time.Time
	for _, n := range news {
		keys, vantages, times = append(keys, n.key), append(vantages, int16(n.vantage)), append(times, time.UnixMicro(n.bucket))
	}
	_, err := tx.Exec(ctx, upsertActivity, keys, vantages, times)
	return err
}

func (a *activity) remember(written []activePeriod) {
	for _, w := range written {
		a.written.Set(w.watched, w.bucket)
	}
}
