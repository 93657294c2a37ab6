package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	limits "github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Allowances is what collectors share of the allowances of keys. It may be used from many goroutines.
type Allowances struct {
	db      *DB
	counted usage.Vantage
	now     *time.Time // nil: the time of the database
}

var _ limits.Store = (*Allowances)(nil)

// NewAllowances keeps allowances in db. Requests are those that were seen from the counted vantage.
func NewAllowances(db *DB, counted usage.Vantage) *Allowances {
	return &Allowances{db: db, counted: counted}
}

// pieceOf is how much to take where l.n are left and $2 are needed.
const pieceOf = `least(l.n, greatest(CASE WHEN $2 <= l.n THEN $2 END, l.n / $4 + 1))`

// leasePiece is one statement, so it takes a piece or does nothing: when its answer is lost, a piece may be lost, and no piece is
// ever granted twice. The limit is that of the moment, whatever limit a caller's key came with.
const leasePiece = `
WITH a AS (SELECT seq, requests_per_hour AS n FROM allowances WHERE seq = $1 AND requests_per_hour IS NOT NULL)
INSERT INTO allowance_hours AS h (allowance, hour, taken, piece)
SELECT l.seq, date_trunc('hour', coalesce($3, now()), 'UTC'), ` + pieceOf + `, ` + pieceOf + ` FROM a AS l
ON CONFLICT (allowance, hour) DO UPDATE SET (taken, piece) = (
	SELECT h.taken + ` + pieceOf + `, ` + pieceOf + ` FROM (SELECT greatest(0, a.n - h.taken) AS n FROM a) AS l)
RETURNING h.allowance, h.hour, h.piece, (SELECT n FROM a), greatest(0, (SELECT n FROM a) - h.taken), coalesce($3, now())`

// Lease implements allowance.Store.
func (s *Allowances) Lease(ctx context.Context, allowance int32, need int64) (l limits.Lease, err error) {
	err = s.db.ingest.QueryRow(ctx, leasePiece, allowance, need, s.now, limits.PieceShare).
		Scan(&l.Allowance, &l.Hour, &l.Requests, &l.Limit, &l.Left, &l.Now)
	if errors.Is(err, pgx.ErrNoRows) {
		return limits.Lease{}, nil // no limit
	}
	if err != nil {
		return limits.Lease{}, fmt.Errorf("cannot lease a piece of an hour's limit: %w", public(err))
	}
	return l, nil
}

// Rows are locked in order, since collectors return pieces at the same time.
const returnPieces = `
WITH back AS (
	SELECT allowance, hour, sum(requests) AS n FROM unnest($1::int[], $2::timestamptz[], $3::bigint[]) AS p (allowance, hour, requests)
	WHERE hour = date_trunc('hour', coalesce($4, now()), 'UTC')
	GROUP BY 1, 2
), locked AS (
	SELECT h.allowance, h.hour, back.n FROM allowance_hours h JOIN back USING (allowance, hour) ORDER BY 1 FOR UPDATE OF h
)
UPDATE allowance_hours h SET taken = h.taken - l.n FROM locked l WHERE (h.allowance, h.hour) = (l.allowance, l.hour)`

// Return implements allowance.Store.
func (s *Allowances) Return(ctx context.Context, pieces []limits.Piece) error {
	var allowances []int32
	var hours []time.Time
	var requests []int64
	for _, p := range pieces {
		allowances, hours, requests = append(allowances, p.Allowance), append(hours, p.Hour), append(requests, p.Requests)
	}
	if _, err := s.db.ingest.Exec(ctx, returnPieces, allowances, hours, requests, s.now); err != nil {
		return fmt.Errorf("cannot return pieces of hours' limits: %w", public(err))
	}
	return nil
}

// usedInMonth sums requests without those that were answered 401 or 429. To look two cells of each row up takes a tenth of the
// time of unnesting all; a second cell of the same kind, which a row has from 2^31 requests in its period on, is not seen.
var usedInMonth = `
WITH m AS (SELECT coalesce($3, now()) AS now, date_trunc('month', coalesce($3, now()), 'UTC') AS start)
SELECT m.start, m.now, (
	SELECT coalesce(sum(` + countIn("0") + ` - ` + countIn("10") + `), 0)::bigint
	FROM usage_counts s
	WHERE s.key = ANY (ARRAY(SELECT seq FROM api_keys WHERE allowance = $1)) AND ` + anyGrain + ` AND s.vantage = $2
		AND s.bucket >= m.start AND s.bucket < (m.start AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
) FROM m`

// Used implements allowance.Store.
func (s *Allowances) Used(ctx context.Context, allowance int32) (u limits.Usage, err error) {
	err = s.db.read.QueryRow(ctx, usedInMonth, allowance, s.counted, s.now).Scan(&u.Month, &u.Now, &u.Requests)
	if err != nil {
		return limits.Usage{}, fmt.Errorf("cannot count the usage of a month: %w", public(err))
	}
	return u, nil
}

// countIn is the count of the cell of a dimension that has one value.
func countIn(dimension string) string {
	return `coalesce(s.count[array_position(s.dimension, ` + dimension + `::smallint)], 0)::bigint`
}
