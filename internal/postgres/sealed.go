package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// sealedBefore is the end of the sealed days: events before it are dropped, or about to be, so what was counted of them can
// no longer be compared, and must not be repaired. As the first statement of a transaction it holds for all of it: days that
// are sealed later stay whole until the transaction ends.
func sealedBefore(ctx context.Context, tx pgx.Tx) (sealed time.Time, err error) {
	// DETACH CONCURRENTLY waits for whoever holds a lock of the parent. LOCK takes no snapshot, so that of the transaction is
	// younger than the lock.
	if _, err := tx.Exec(ctx, `LOCK TABLE ONLY audit_logs IN ACCESS SHARE MODE`); err != nil {
		return sealed, err
	}
	err = tx.QueryRow(ctx, `SELECT sealed_before FROM retention`).Scan(&sealed)
	return sealed, err
}
