package postgres

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/analytics"
)

// Usage implements analytics.Reader.
func (r *Reader) Usage(ctx context.Context, q analytics.UsageQuestion) (*analytics.Usage, error) {
	view, err := seenBy(ctx, r.db.read, q.By.View)
	if err != nil {
		return nil, fmt.Errorf("cannot find what the asker sees: %w", readError(err))
	}
	keys, err := r.keysOf(ctx, view, q.Subject)
	if err != nil {
		return nil, fmt.Errorf("cannot find the keys to count: %w", err)
	}
	scope := view.scope()
	scope.Trail = q.By.Reads(access.UsageRead, cmp.Or(q.Subject.KeyID, q.Subject.UserID, q.Subject.OrganizationID),
		map[string]any{"environment": q.Subject.Environment, "start": q.Window.Start, "end": q.Window.End})
	// Everybody's keys are all there are: to compare each row with each of them would be slow and keep nothing out.
	if scope.All && !q.Subject.Everybody() {
		scope.All, scope.Keys = false, keys
	}
	return r.usageOf(ctx, scope, keys, q)
}

func (r *Reader) usageOf(ctx context.Context, scope Scope, keys []int32, q analytics.UsageQuestion) (*analytics.Usage, error) {
	var u *analytics.Usage
	err := r.db.ReadAs(ctx, scope, func(tx pgx.Tx) error {
		var b pgx.Batch
		queueFit(&b, q.Window)
		sums := newUsageSums(r.counted, q.Window)
		b.Queue(usageRows, keys, q.Window.Start, q.Window.End, r.counted).Query(sums.addRows)
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		names, err := r.words.find(ctx, tx, sums.cells.ids())
		u = sums.answer(names, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot count usage: %w", readError(err))
	}
	return u, nil
}

// usageRows are the rows of the keys, each of which is read once and taken apart in Go: to have Postgres make a row of each
// cell takes several times as long. Claims are shown whoever saw them, all else is what the counted vantage ($4) saw, or no
// vantage.
var usageRows = `
SELECT ` + strings.Join(countsColumns, ", ") + `
FROM usage_counts s
WHERE s.key = ANY($1) AND ` + anyGrain + ` AND s.bucket >= $2 AND s.bucket < $3 AND (s.vantage IN (0, $4) OR 8 = ANY (s.dimension))`
