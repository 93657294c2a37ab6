// Package accounts is about who may call: registering users and organisations, making and revoking keys.
//
// An organisation is what its id says; its name is a label and proves nothing. A registration always opens an
// account of its own, because an e-mail that nobody has confirmed proves nothing either.
package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Registration is what a new user says of itself. See [Registration.Check].
type Registration struct {
	Email          string
	Organization   string
	Name           string
	UseCase        string
	ExpectedVolume string
	// Environment is "sandbox" or "live".
	Environment string
	// OrganizationID names an existing organisation; only an admin may set it.
	OrganizationID string
}

// KeySpec describes a key to make.
type KeySpec struct {
	// UserID is the owner; empty for a key of the platform itself, which then needs Scopes.
	UserID      string
	Environment string
	Scopes      []string
	Name        string
	// ExpiresAt is zero for a key that does not expire.
	ExpiresAt time.Time
}

// NewKey is a key at the only moment when its raw form is known.
type NewKey struct {
	Raw      string
	Identity apikey.Identity
}

// Key is a registered key as operators see it.
type Key struct {
	apikey.Identity
	// Hint is the kind of the key and its last four characters: "dk_live_…a1B2".
	Hint string
	Name string
	// LastUsedAt is when the key was last used to ask the API, or verified for a gateway, to some ten seconds; zero for never.
	LastUsedAt time.Time
	// Claimed is what callers last said of themselves with this key; zero when nothing was claimed.
	Claimed Claimed
}

// Claimed is the last claim made with a key. It is shown and never used for anything.
type Claimed struct {
	Email        string
	Organization string
	Metadata     map[string]string
	At           time.Time
}

// User is a registered user.
type User struct {
	ID               string
	Email            string
	Name             string
	OrganizationID   string
	OrganizationName string
	UseCase          string
	ExpectedVolume   string
	// Role within the organisation: RoleMember or RoleAdmin.
	Role string
	// ConfirmedAt is when the user showed that the address is its own; zero when it has not.
	ConfirmedAt time.Time
	CreatedAt   time.Time
}

// Roles within an organisation.
const (
	RoleMember = "member"
	RoleAdmin  = "admin"
)

// Filter narrows a list of keys. The zero value lists all.
type Filter struct {
	UserID         string
	OrganizationID string
	// Active leaves out keys that are revoked or expired.
	Active bool
}

// ErrNotFound is returned when the user, organisation or key that is named does not exist.
var ErrNotFound = errors.New("not found")

// ErrUnavailable is returned while accounts cannot be read or changed, such as when the database is away; a later try
// may succeed.
var ErrUnavailable = errors.New("accounts cannot be reached at the moment")

// Registry keeps accounts.
type Registry interface {
	// Register makes a user with a key. Without OrganizationID it makes an organisation too, whatever others
	// are called.
	Register(ctx context.Context, r Registration) (*User, *NewKey, error)
	// CreateKey makes another key. ErrNotFound when the user does not exist.
	CreateKey(ctx context.Context, spec KeySpec) (*NewKey, error)
	// Keys lists keys in order of creation.
	Keys(ctx context.Context, f Filter) ([]Key, error)
	// Key is one key and its owner; the owner is nil for the platform's own keys. ErrNotFound.
	Key(ctx context.Context, keyID string) (*Key, *User, error)
	// Revoke ends a key at once; revoking it again changes nothing. ErrNotFound.
	Revoke(ctx context.Context, keyID string) error
}
