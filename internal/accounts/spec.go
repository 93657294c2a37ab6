package accounts

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Limits of what may be asked for.
const (
	MaxGrace         = 30 * 24 * time.Hour // of a rotation
	maxAddresses     = 50
	maxAllowance     = 1_000_000_000_000
	InvitationPeriod = 14 * 24 * time.Hour
	ConfirmPeriod    = 48 * time.Hour
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
	// Invitation is the token of one; it takes the place of an organisation.
	Invitation string
	// PerHour and PerMonth are the allowance of the key; 0 is no bound.
	PerHour, PerMonth int64
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
	// Addresses are the networks that it may be used from; empty: from everywhere.
	Addresses []netip.Prefix
	// PerHour and PerMonth are the allowance of a key that shares none; 0 is no bound.
	PerHour, PerMonth int64
}

// KeyChange says what to change of a key; nil leaves a thing as it is.
type KeyChange struct {
	Name      *string
	Scopes    *[]string
	Addresses *[]netip.Prefix
	// ExpiresAt is when the key ends; the zero time for never.
	ExpiresAt *time.Time
	// PerHour and PerMonth change the allowance for all keys that share it; 0 takes the bound off.
	PerHour, PerMonth *int64
}

// KeyFilter narrows a list of keys. The zero value lists all.
type KeyFilter struct {
	UserID string
	// OrganizationID may be that of an organisation that was merged: another name of the one that it went into.
	OrganizationID string
	// Environment is "sandbox", "live", or empty for both.
	Environment string
	// Active leaves out keys that are revoked or expired.
	Active bool
}

// UserFilter narrows a list of users. The zero value lists all.
type UserFilter struct {
	OrganizationID string // as in KeyFilter
	// Email finds an address however it is spelt (see [FoldEmail]).
	Email string
}

// UserChange says what to change of a user; nil leaves a thing as it is.
type UserChange struct {
	Role *string
	// Confirmed has an operator vouch for the address, or take that back.
	Confirmed *bool
}

// InvitationSpec describes an invitation.
type InvitationSpec struct {
	Email string
	Role  string
	// Mailed says that the token goes to the address by mail: who brings it then reads the mail of that address.
	Mailed bool
}

// TrailFilter narrows the trail. The zero value lists all.
type TrailFilter struct {
	Actor  string
	Target string
	Action string
}

// Import is a user with a key that exist elsewhere. The raw key is not needed: its fingerprint is enough to know it.
type Import struct {
	Line         int // of the file, for errors
	Email        string
	Organization string
	Name         string
	Environment  string
	Fingerprint  apikey.Fingerprint
	Hint         string
}

// Imported counts what an import made, and what was there already.
type Imported struct{ Users, Keys, Known int }

// Check says what is wrong with an invitation.
func (i *InvitationSpec) Check() error {
	i.Email = strings.TrimSpace(i.Email)
	return errors.Join(checkEmail(i.Email), checkRole(i.Role))
}

// Check says what is wrong with a change.
func (c *UserChange) Check() error {
	if c.Role == nil && c.Confirmed == nil {
		return &FieldError{"role", "or email_confirmed must be given: there is nothing to change"}
	}
	if c.Role != nil {
		return checkRole(*c.Role)
	}
	return nil
}

// Check says what is wrong with a change, at a time, when a bound key asks for it (see access.Actor).
func (c *KeyChange) Check(bound *apikey.Identity, now time.Time) error {
	if c.Name == nil && c.Scopes == nil && c.Addresses == nil && c.ExpiresAt == nil && c.PerHour == nil && c.PerMonth == nil {
		return &FieldError{"name", "or another field must be given: there is nothing to change"}
	}
	var errs []error
	if c.Name != nil {
		errs = append(errs, checkText("name", *c.Name, maxName))
	}
	if c.Scopes != nil {
		errs = append(errs, checkScopes(*c.Scopes))
	}
	if c.Addresses != nil {
		errs = append(errs, checkAddresses(*c.Addresses))
	}
	if c.ExpiresAt != nil {
		errs = append(errs, checkExpiry(*c.ExpiresAt, now))
	}
	return errors.Join(append(errs, checkAllowance(c.PerHour, c.PerMonth), c.checkPowers(bound))...)
}

// CheckOrganizationName says what is wrong with a name.
func CheckOrganizationName(name string) error {
	if strings.TrimSpace(name) == "" {
		return &FieldError{"name", "must not be empty"}
	}
	return checkText("name", name, maxOrganization)
}

func checkRole(role string) error {
	if role != RoleMember && role != RoleAdmin {
		return &FieldError{"role", "must be one of member, admin"}
	}
	return nil
}

func checkAddresses(networks []netip.Prefix) error {
	if len(networks) > maxAddresses {
		return &FieldError{"allowed_addresses", fmt.Sprintf("has %d networks; at most %d are allowed", len(networks), maxAddresses)}
	}
	for _, n := range networks {
		if !n.IsValid() || n != n.Masked() {
			return &FieldError{"allowed_addresses", "holds " + n.String() + ", which has bits beyond its length; did you mean " + n.Masked().String() + "?"}
		}
	}
	return nil
}

func checkExpiry(at, now time.Time) error {
	if !at.IsZero() && !at.After(now) {
		return &FieldError{"expires_at", "is in the past; to end a key at once, revoke it"}
	}
	if at.Year() > 9999 {
		return &FieldError{"expires_at", "is beyond the year 9999"}
	}
	return nil
}

func checkAllowance(perHour, perMonth *int64) error {
	check := func(field string, n *int64) error {
		if n != nil && (*n < 0 || *n > maxAllowance) {
			return &FieldError{field, fmt.Sprintf("is %d; it must be from 1 to %d, or 0 for no bound", *n, int64(maxAllowance))}
		}
		return nil
	}
	return errors.Join(check("requests_per_hour", perHour), check("requests_per_month", perMonth))
}

func checkScopes(scopes []string) error {
	if len(scopes) == 0 {
		return &FieldError{"scopes", "must not be empty: a key without scopes can do nothing; revoke it instead"}
	}
	seen := map[string]bool{}
	for _, scope := range scopes {
		switch {
		case !slices.Contains(allScopes, scope):
			return &FieldError{"scopes", fmt.Sprintf("%.40q is unknown; there are %s", scope, strings.Join(allScopes, ", "))}
		case seen[scope]:
			return &FieldError{"scopes", "has " + scope + " twice"}
		}
		seen[scope] = true
	}
	return nil
}
