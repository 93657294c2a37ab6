package postgres

import (
	"context"
	"time"
)

// maintenanceInterval leaves two weeks' worth of tries before a missing partition matters.
const maintenanceInterval = time.Hour

// Maintain keeps partitions ready until ctx ends. What fails is reported and tried again an hour later.
func (db *DB) Maintain(ctx context.Context, report func(error)) {
	ticker := time.NewTicker(maintenanceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if err := db.createPartitions(ctx, now); err != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}
