package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
)

// seen is what a view holds, by the numbers of rows.
type seen struct {
	all          bool
	keys         []int32
	organization int32 // the one that the view belongs to; 0 for none
	members      bool  // all members of the organization are in view
	// open has statements look at everything: see [OpenFirstLock].
	open bool
}

// Which keys are in a view, and the organisation that their user belongs to today, which may not be the one that a key was made
// in: the user has left it, or it has become another name for the one that it went into.
const (
	viewOfKey = `
SELECT ARRAY[k.seq], coalesce(u.organization, o.merged_into, o.seq, 0)
FROM api_keys k LEFT JOIN users u ON u.seq = k.user_seq LEFT JOIN organizations o ON o.seq = k.organization WHERE k.id = $1`
	viewOfUser = `
SELECT ARRAY(SELECT seq FROM api_keys WHERE user_seq = u.seq AND (environment = 'sandbox' OR NOT $2)), u.organization
FROM users u WHERE u.id = $1`
	viewOfOrganization = `
SELECT ARRAY(
	SELECT k.seq FROM api_keys k JOIN organizations part ON part.seq = k.organization
	WHERE (part.seq = o.seq OR part.merged_into = o.seq) AND (k.environment = 'sandbox' OR NOT $2)), o.seq
FROM organizations o WHERE o.id = $1`
)

// rowQuerier is a pool or a transaction.
type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// seenBy looks a view up, as the owner of the tables. A view of what does not exist holds nothing.
func seenBy(ctx context.Context, q rowQuerier, v access.View) (seen, error) {
	s := seen{all: v.All, members: v.OrganizationID != "", keys: []int32{}, open: v.All || firstLockIsOpen(ctx)}
	var statement string
	var args []any
	switch {
	case v.All:
		return s, nil
	case v.OrganizationID != "":
		statement, args = viewOfOrganization, []any{v.OrganizationID, v.SandboxOnly}
	case v.UserID != "":
		statement, args = viewOfUser, []any{v.UserID, v.SandboxOnly}
	default:
		statement, args = viewOfKey, []any{v.KeyID}
	}
	err := q.QueryRow(ctx, statement, args...).Scan(&s.keys, &s.organization)
	if err == pgx.ErrNoRows {
		err = nil
	}
	return s, err
}

// scope is the view for row-level security.
func (s *seen) scope() Scope {
	return Scope{All: s.all, Keys: s.keys, Organization: s.organization, Members: s.members}
}

// Conditions that hold for the rows in view: the first of the two locks on a tenant's data. Row-level security is the second.
// Their parameters are open, keys, members and organization, as [seen.args] gives them; each names all four, so that all
// statements can be given the same. What a row in view refers to may be out of view, and has to be looked at again: the key that
// another replaces, the owner of a key who has left, the organisation that another was merged into.
const (
	keyInView          = `($1::boolean OR (k.seq = ANY ($2::int[]) AND $3::boolean IS NOT NULL AND $4::int IS NOT NULL))`
	userInView         = `($1::boolean OR CASE WHEN $3::boolean THEN u.organization = $4::int ELSE u.seq IN (SELECT user_seq FROM api_keys WHERE seq = ANY ($2::int[])) END)`
	organizationInView = `($1::boolean OR (o.seq = $4::int AND $3::boolean IS NOT NULL) OR o.seq IN (SELECT organization FROM api_keys WHERE seq = ANY ($2::int[])))`
	invitationInView   = `($1::boolean OR ($3::boolean AND i.organization = $4::int AND $2::int[] IS NOT NULL))`
)

func (s *seen) args(more ...any) []any {
	return append([]any{s.open, s.keys, s.members, s.organization}, more...)
}

type firstLock struct{}

// OpenFirstLock is for tests that show that row-level security alone keeps tenants apart: with the context that it returns,
// statements name no keys.
func OpenFirstLock(ctx context.Context) context.Context {
	return context.WithValue(ctx, firstLock{}, true)
}

func firstLockIsOpen(ctx context.Context) bool { return ctx.Value(firstLock{}) != nil }
