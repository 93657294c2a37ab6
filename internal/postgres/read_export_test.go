package postgres

import (
	"context"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// UsageWithin counts the usage of keys in a transaction that may see other keys, to try each lock alone.
func (r *Reader) UsageWithin(ctx context.Context, scope Scope, keys []int32, q analytics.UsageQuestion) (*analytics.Usage, error) {
	return r.usageOf(ctx, scope, keys, q)
}
