package postgres

import (
	"context"
	"time"
)

// MaintenanceInterval leaves two weeks' worth of tries before a missing partition matters.
const MaintenanceInterval = time.Hour

// Maintain keeps partitions ready until ctx ends. What fails is reported and tried again an hour later.
func (db *DB) Maintain(ctx context.Context, report func(error)) {
	ticker := time.NewTicker(MaintenanceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if err := db.CreatePartitions(ctx, now); err != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}
