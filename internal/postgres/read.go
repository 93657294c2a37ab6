package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Reader answers questions about usage from the statistics.
type Reader struct {
	db      *DB
	counted usage.Vantage
	words   *words
}

var _ analytics.Reader = (*Reader)(nil)

// NewReader reads from db. Requests are those that were seen from the counted vantage.
func NewReader(db *DB, counted usage.Vantage) *Reader {
	return &Reader{db: db, counted: counted, words: newWords()}
}

// Dimensions of usage_counts.
const (
	dimensionTotal = iota
	dimensionEndpoint
	dimensionSDK
	dimensionCountry
	dimensionOperation
	dimensionEvent
	dimensionService
	dimensionPayments
	dimensionClaimed
	dimensionOrganization
	dimensionRefused // requests answered 401 or 429, which use no quota up; no answer shows them
)

// Which keys a subject has. No row means that there is no such subject; an array without keys that it has none in
// this environment.
const (
	keysOfKey          = `SELECT ARRAY[seq] FROM api_keys WHERE id = $1`
	keysOfUser         = `SELECT ARRAY(SELECT seq FROM api_keys WHERE user_seq = u.seq AND environment = $2) FROM users u WHERE u.id = $1`
	keysOfOrganization = `SELECT ARRAY(SELECT seq FROM api_keys WHERE organization = o.seq AND environment = $2) FROM organizations o WHERE o.id = $1`
	keysOfEverybody    = `SELECT ARRAY(SELECT seq FROM api_keys WHERE user_seq IS NOT NULL AND environment = $1)`
)

// keysOf is the first of the two locks on a tenant's data: statements name these keys. The second is row-level security.
func (r *Reader) keysOf(ctx context.Context, s analytics.Subject) ([]int32, error) {
	statement, args := keysOfEverybody, []any{s.Environment}
	switch {
	case s.KeyID != "":
		statement, args = keysOfKey, []any{s.KeyID}
	case s.UserID != "":
		statement, args = keysOfUser, []any{s.UserID, s.Environment}
	case s.OrganizationID != "":
		statement, args = keysOfOrganization, []any{s.OrganizationID, s.Environment}
	}
	var keys []int32
	err := r.db.read.QueryRow(ctx, statement, args...).Scan(&keys)
	if err == pgx.ErrNoRows {
		return nil, analytics.ErrNoSubject
	}
	return keys, readError(err)
}

// readError tells failures that pass from others.
func readError(err error) error {
	var parameter *analytics.ParameterError
	switch {
	case errors.As(err, &parameter):
		return parameter
	case err != nil && away(err):
		return analytics.ErrUnavailable
	}
	return public(err)
}

// away reports whether the server could not be asked, or had no time to answer.
func away(err error) bool {
	return errors.Is(err, ErrUnreachable) || classify(err) == failureRetry
}
