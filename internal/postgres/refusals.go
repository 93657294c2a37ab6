package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Rows are written in the order of the primary key, since collectors write at the same time.
const upsertRefusals = `
INSERT INTO refused_calls AS r (minute, key, prefix, fingerprint, reason, count)
SELECT n.minute, coalesce(k.seq, 0), n.prefix, n.fingerprint, n.reason, sum(n.count)
FROM unnest($1::timestamptz[], $2::text[], $3::cidr[], $4::text[], $5::text[], $6::bigint[]) AS n (minute, key, prefix, fingerprint, reason, count)
LEFT JOIN api_keys k ON k.id = n.key
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (minute, key, prefix, fingerprint, reason) DO UPDATE SET count = r.count + excluded.count`

// WriteRefusals stores what a refusal log has counted, and gives it back to the log when that fails.
func WriteRefusals(ctx context.Context, db *DB, log *apikey.RefusalLog) error {
	refusals := log.Drain()
	if len(refusals) == 0 {
		return nil
	}
	var minutes []time.Time
	var prefixes []netip.Prefix
	var keys, fingerprints, reasons []string
	var counts []int64
	for _, r := range refusals {
		minutes, keys, prefixes = append(minutes, r.Minute), append(keys, r.KeyID), append(prefixes, r.Prefix)
		fingerprints, reasons = append(fingerprints, r.Fingerprint), append(reasons, r.Reason)
		counts = append(counts, r.Count)
	}
	_, err := db.ingest.Exec(ctx, upsertRefusals, minutes, keys, prefixes, fingerprints, reasons, counts)
	if err != nil {
		for _, r := range refusals {
			log.Add(r)
		}
		return fmt.Errorf("cannot store %d refusals: %w", len(refusals), public(err))
	}
	return nil
}
