// Package accounts is about users, organisations and keys: what there is of them, and what may become of them.
//
// An organisation is what its id says; its name is a label and proves nothing. A registration always opens an
// account of its own, because an e-mail that nobody has confirmed proves nothing either. Joining an organisation takes an
// invitation, or an admin.
package accounts

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// NewKey is a key at the only moment when its raw form is known.
type NewKey struct {
	Raw string
	Key Key
}

// Key is a registered key as its owner and operators see it.
type Key struct {
	apikey.Identity
	// Hint is the kind of the key and its last four characters: "dk_live_…a1B2".
	Hint string
	Name string
	// RotatedFrom is the id of the key that this one replaces; empty for none.
	RotatedFrom string
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
	// Role within the organisation: RoleMember or RoleAdmin.
	Role           string
	UseCase        string
	ExpectedVolume string
	// ConfirmedAt is when the user showed that the address is its own; zero when it has not.
	ConfirmedAt time.Time
	CreatedAt   time.Time
}

// Roles within an organisation.
const (
	RoleMember = "member"
	RoleAdmin  = "admin"
)

// Organization is what users belong to.
type Organization struct {
	ID   string
	Name string
	// MergedInto is the id of the organisation that this one has become another name for; empty for none.
	MergedInto string
	Members    int64
	CreatedAt  time.Time
}

// Invitation lets somebody join an organisation.
type Invitation struct {
	ID             string
	OrganizationID string
	Email          string
	Role           string
	CreatedAt      time.Time
	ExpiresAt      time.Time
	AcceptedAt     time.Time // zero: not accepted
	RevokedAt      time.Time // zero: not revoked
}

// Secret is a token at the only moment when it is known, and the address that it is meant for.
type Secret struct {
	Token     string
	Email     string
	ExpiresAt time.Time
}

// Account is what a registration makes.
type Account struct {
	User User
	Key  NewKey
	// Confirm is the token for the owner of the address; nil when the address is confirmed already, by an invitation.
	Confirm *Secret
}

// Page is a part of a list: at most Limit rows after the one with the number After.
type Page struct {
	After int64
	Limit int // at least 1
}

// Listed is a part of a list and the number to go on after; 0 at the end.
type Listed[T any] struct {
	Items []T
	Next  int64
}

// Errors that a Registry returns.
var (
	// ErrNotFound is returned when what is named does not exist, or is not the actor's to see.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable is returned while accounts cannot be read or changed, such as when the database is away; a later try
	// may succeed.
	ErrUnavailable = errors.New("accounts cannot be reached at the moment")
	// ErrBadToken is returned for a token that is unknown, used up, revoked, expired, or meant for another.
	ErrBadToken = errors.New("the token is not valid")
)

// ConflictError says that something cannot be done in the state that things are in.
type ConflictError struct{ Message string }

func (e *ConflictError) Error() string { return e.Message }

// ForbiddenError says that an actor sees something and may not do this to it.
type ForbiddenError struct{ Message string }

func (e *ForbiddenError) Error() string { return e.Message }

// Registry keeps accounts. Every method lets an actor see and change what its view holds, and nothing else: the rest is not
// found. Each change is written to the trail in its own transaction, and so is what an actor reads who sees everything.
type Registry interface {
	KeyRegistry
	UserRegistry
	OrganizationRegistry
	// Trail lists what was done, the latest first; for actors who see everything.
	Trail(ctx context.Context, by access.Actor, f TrailFilter, p Page) (Listed[access.Entry], error)
}

// KeyRegistry keeps keys.
type KeyRegistry interface {
	// Keys lists keys in order of creation.
	Keys(ctx context.Context, by access.Actor, f KeyFilter, p Page) (Listed[Key], error)
	// Key is one key and its owner; the owner is nil for the platform's own keys.
	Key(ctx context.Context, by access.Actor, keyID string) (*Key, *User, error)
	// CreateKey makes another key.
	CreateKey(ctx context.Context, by access.Actor, spec KeySpec) (*NewKey, error)
	// ChangeKey changes what is given.
	ChangeKey(ctx context.Context, by access.Actor, keyID string, c KeyChange) (*Key, error)
	// RotateKey makes a key of the same powers and has the old one end after grace. A *ConflictError when it has ended already.
	RotateKey(ctx context.Context, by access.Actor, keyID string, grace time.Duration) (*NewKey, error)
	// RevokeKey ends a key at once; revoking it again changes nothing.
	RevokeKey(ctx context.Context, by access.Actor, keyID string) (*Key, error)
	// ImportKeys registers keys that exist elsewhere, all or none; see [Import]. A row that could not be read comes as an error.
	ImportKeys(ctx context.Context, by access.Actor, rows iter.Seq2[Import, error]) (Imported, error)
}

// UserRegistry keeps users.
type UserRegistry interface {
	// Register makes a user with a key, and an organisation unless the registration names one or brings an invitation.
	Register(ctx context.Context, by access.Actor, r Registration) (*Account, error)
	// Users lists users in order of registration.
	Users(ctx context.Context, by access.Actor, f UserFilter, p Page) (Listed[User], error)
	User(ctx context.Context, by access.Actor, userID string) (*User, error)
	// ChangeUser changes what is given. A *ConflictError when an organisation would be left without an admin.
	ChangeUser(ctx context.Context, by access.Actor, userID string, c UserChange) (*User, error)
	// RequestConfirmation makes a token for the user's address; nil when it is confirmed already.
	RequestConfirmation(ctx context.Context, by access.Actor, userID string) (*Secret, error)
	// ConfirmEmail confirms the address that a token was sent to. ErrBadToken.
	ConfirmEmail(ctx context.Context, by access.Actor, token string) error
}

// OrganizationRegistry keeps organisations.
type OrganizationRegistry interface {
	// Organizations lists organisations in order of creation, merged ones too.
	Organizations(ctx context.Context, by access.Actor, p Page) (Listed[Organization], error)
	Organization(ctx context.Context, by access.Actor, organizationID string) (*Organization, error)
	RenameOrganization(ctx context.Context, by access.Actor, organizationID, name string) (*Organization, error)
	// MergeOrganization makes one organisation another name of the second, with all its users and keys.
	MergeOrganization(ctx context.Context, by access.Actor, organizationID, into string) (*Organization, error)
	// Invite lets the owner of an address join.
	Invite(ctx context.Context, by access.Actor, organizationID string, i InvitationSpec) (*Invitation, *Secret, error)
	Invitations(ctx context.Context, by access.Actor, organizationID string, p Page) (Listed[Invitation], error)
	RevokeInvitation(ctx context.Context, by access.Actor, organizationID, invitationID string) error
	// AcceptInvitation has a user who exists join. Its keys stay with the organisation that they were made in. ErrBadToken.
	AcceptInvitation(ctx context.Context, by access.Actor, userID, token string) (*User, error)
}
