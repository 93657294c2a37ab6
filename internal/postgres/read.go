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

// Which keys a subject has, among those that the asker sees: parameters are as [seen.args] gives them, then the id, then the
// environment. No row means that there is no such subject in view; an array without keys that it has none in this environment.
const (
	keysOfKey  = `SELECT ARRAY[k.seq] FROM api_keys k WHERE ` + keyInView + ` AND k.id = $5 AND $6::text IS NOT NULL`
	keysOfUser = `
SELECT ARRAY(SELECT k.seq FROM api_keys k WHERE ` + keyInView + ` AND k.user_seq = u.seq AND k.environment = $6)
FROM users u WHERE ` + userInView + ` AND u.id = $5`
	keysOfOrganization = `
SELECT ARRAY(
	SELECT k.seq FROM api_keys k JOIN organizations part ON part.seq = k.organization
	WHERE ` + keyInView + ` AND (part.seq = o.seq OR part.merged_into = o.seq) AND k.environment = $6)
FROM organizations asked JOIN organizations o ON o.seq = coalesce(asked.merged_into, asked.seq)
WHERE ` + organizationInView + ` AND asked.id = $5`
	keysOfView = `
SELECT ARRAY(SELECT k.seq FROM api_keys k WHERE ` + keyInView + ` AND (NOT $1 OR k.user_seq IS NOT NULL) AND k.environment = $6 AND $5 = '')`
)

// keysOf is the first of the two locks on a tenant's data: statements name these keys. The second is row-level security,
// which has the keys of the view.
func (r *Reader) keysOf(ctx context.Context, view seen, s analytics.Subject) ([]int32, error) {
	statement, id := keysOfView, ""
	switch {
	case s.KeyID != "":
		statement, id = keysOfKey, s.KeyID
	case s.UserID != "":
		statement, id = keysOfUser, s.UserID
	case s.OrganizationID != "":
		statement, id = keysOfOrganization, s.OrganizationID
	}
	var keys []int32
	err := r.db.read.QueryRow(ctx, statement, view.args(id, s.Environment)...).Scan(&keys)
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
