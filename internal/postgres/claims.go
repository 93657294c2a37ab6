package postgres

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/maypok86/otter/v2"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// claims keep beside each key what callers last said of themselves with it. That is shown and never used for anything, so it
// is written after the batch, without its locks, and a failure only means that the next batch tries again.
type claims struct {
	pool    *pgxpool.Pool
	written *otter.Cache[int32, uint64] // key to hash of the claim last written
	seed    maphash.Seed
}

func newClaims(pool *pgxpool.Pool) *claims {
	return &claims{
		pool:    pool,
		written: otter.Must(&otter.Options[int32, uint64]{MaximumSize: 200_000, Executor: inline}),
		seed:    maphash.MakeSeed(),
	}
}

const updateClaims = `
UPDATE api_keys k SET claimed_email = nullif(c.email, ''), claimed_organization = nullif(c.organization, ''),
	claimed_metadata = nullif(c.metadata, 'null'), claimed_at = c.at
FROM unnest($1::int[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[]) AS c (key, email, organization, metadata, at)
WHERE k.seq = c.key AND (k.claimed_at IS NULL OR k.claimed_at <= c.at)`

// note writes the last claim of each key of a batch, where it differs from the one written before. The records are
// sorted by key and time.
func (c *claims) note(ctx context.Context, records []*record) {
	var keys []int32
	var emails, organizations []string
	var metadata [][]byte
	var times []time.Time
	var hashes []uint64
	for len(records) > 0 {
		r, rest := lastClaim(records)
		records = rest
		if r == nil || r.key == nobody {
			continue
		}
		text, err := json.Marshal(r.event.Claim.Metadata)
		if err != nil {
			continue // strings always encode
		}
		hash := c.hash(&r.event.Claim, text)
		if before, ok := c.written.GetIfPresent(r.key); ok && before == hash {
			continue
		}
		keys, emails, organizations = append(keys, r.key), append(emails, r.event.Claim.Email), append(organizations, r.event.Claim.Organization)
		metadata, times, hashes = append(metadata, text), append(times, r.event.Time), append(hashes, hash)
	}
	if len(keys) == 0 {
		return
	}
	if _, err := c.pool.Exec(ctx, updateClaims, keys, emails, organizations, metadata, times); err != nil {
		return
	}
	for i, key := range keys {
		c.written.Set(key, hashes[i])
	}
}

// lastClaim is the last record of the first key that has a claim, or nil, and the records of the other keys.
func lastClaim(records []*record) (last *record, rest []*record) {
	n := 1
	for n < len(records) && records[n].key == records[0].key {
		n++
	}
	for i := n - 1; i >= 0; i-- {
		if claimed(records[i].event) {
			return records[i], records[n:]
		}
	}
	return nil, records[n:]
}

func claimed(e *usage.Event) bool {
	return e.Claim.Email != "" || e.Claim.Organization != "" || len(e.Claim.Metadata) > 0
}

func (c *claims) hash(claim *usage.Claim, metadata []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	h.WriteString(claim.Email)
	h.WriteByte(0)
	h.WriteString(claim.Organization)
	h.WriteByte(0)
	h.Write(metadata)
	return h.Sum64()
}
