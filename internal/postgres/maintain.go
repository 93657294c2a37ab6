package postgres

import (
	"context"
	"errors"
	"sync"
	"time"
)

// partitionsInterval is how often a process looks which partitions there are: another one may have made or dropped them.
const partitionsInterval = time.Hour

// Maintain runs the jobs of the database, together with all other processes that do, and keeps what everybody did merged, until
// ctx ends. What fails is reported and tried again at its next turn.
func (db *DB) Maintain(ctx context.Context, report func(error)) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { db.runJobs(ctx, report) })
	hourly := time.NewTicker(partitionsInterval)
	defer hourly.Stop()
	often := time.NewTicker(compactTogetherInterval)
	defer often.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-hourly.C:
			err = db.findPartitions(ctx)
		case now := <-often.C:
			err = errors.Join(db.compactTogether(ctx, now), db.compactLedger(ctx, now))
		}
		if err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}
