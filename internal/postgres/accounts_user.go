package postgres

import (
	"time"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// userColumns are of users u and their organizations home, both of which may be missing.
const userColumns = `u.id, u.email, u.name, u.role, u.email_confirmed_at, u.use_case, u.expected_volume, u.created_at, home.id, home.name`

// userRow is a row of userColumns.
type userRow struct {
	id, email, name, role, useCase, volume *string
	confirmed, created                     *time.Time
	organizationID, organizationName       *string
}

func (r *userRow) places() []any {
	return []any{
		&r.id, &r.email, &r.name, &r.role, &r.confirmed, &r.useCase, &r.volume, &r.created, &r.organizationID, &r.organizationName,
	}
}

// user is nil when there is none.
func (r *userRow) user() *accounts.User {
	if r.id == nil {
		return nil
	}
	return &accounts.User{
		ID: *r.id, Email: text(r.email), Name: text(r.name), Role: text(r.role), ConfirmedAt: utc(r.confirmed),
		UseCase: text(r.useCase), ExpectedVolume: text(r.volume), CreatedAt: utc(r.created),
		OrganizationID: text(r.organizationID), OrganizationName: text(r.organizationName),
	}
}
