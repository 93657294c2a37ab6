package postgres

import (
	"context"
	"errors"
	"time"
)

// maintenanceInterval leaves two weeks' worth of tries before a missing partition matters.
const maintenanceInterval = time.Hour

// Maintain keeps partitions ready and merges what was appended until ctx ends. What fails is reported and tried again at the
// next turn.
func (db *DB) Maintain(ctx context.Context, report func(error)) {
	hourly := time.NewTicker(maintenanceInterval)
	defer hourly.Stop()
	often := time.NewTicker(compactTogetherInterval)
	defer often.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case now := <-hourly.C:
			err = errors.Join(db.createPartitions(ctx, now), db.compactSingle(ctx, now))
		case now := <-often.C:
			err = errors.Join(db.compactTogether(ctx, now), db.compactLedger(ctx, now))
		}
		if err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}
