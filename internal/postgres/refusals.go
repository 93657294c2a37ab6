package postgres

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

const upsertRefusals = `
INSERT INTO refused_calls AS r (minute, prefix, fingerprint, reason, count)
SELECT * FROM unnest($1::timestamptz[], $2::cidr[], $3::text[], $4::text[], $5::bigint[])
ON CONFLICT (minute, key, prefix, fingerprint, reason) DO UPDATE SET count = r.count + excluded.count`

// WriteRefusals stores what a refusal log has counted, and gives it back to the log when that fails.
func WriteRefusals(ctx context.Context, db *DB, log *apikey.RefusalLog) error {
	refusals := log.Drain()
	if len(refusals) == 0 {
		return nil
	}
	slices.SortFunc(refusals, compareRefusals)
	var minutes []time.Time
	var prefixes []netip.Prefix
	var fingerprints, reasons []string
	var counts []int64
	for _, r := range refusals {
		minutes, prefixes = append(minutes, r.Minute), append(prefixes, r.Prefix)
		fingerprints, reasons = append(fingerprints, r.Fingerprint), append(reasons, r.Reason)
		counts = append(counts, r.Count)
	}
	err := pgx.BeginFunc(ctx, db.ingest, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, upsertRefusals, minutes, prefixes, fingerprints, reasons, counts)
		return err
	})
	if err != nil {
		for _, r := range refusals {
			log.Add(r)
		}
		return fmt.Errorf("cannot store %d refusals: %w", len(refusals), public(err))
	}
	return nil
}

func compareRefusals(a, b apikey.Refusal) int {
	return cmp.Or(a.Minute.Compare(b.Minute), a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
		strings.Compare(a.Fingerprint, b.Fingerprint), strings.Compare(a.Reason, b.Reason))
}
