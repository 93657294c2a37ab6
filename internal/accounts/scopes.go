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

// CustomerScopes are what a user's key may do unless said otherwise.
var CustomerScopes = []string{apikey.ScopeTelemetryWrite, apikey.ScopeUsageRead, apikey.ScopeAccountWrite}

var allScopes = []string{
	apikey.ScopeTelemetryWrite, apikey.ScopeTelemetryWriteAny, apikey.ScopeUsageRead, apikey.ScopeAccountWrite,
	apikey.ScopeKeysVerify, apikey.ScopeAnalyticsRead, apikey.ScopeAdmin,
}

// CheckScope says whether there is such a scope.
func CheckScope(scope string) error {
	if !slices.Contains(allScopes, scope) {
		return &FieldError{"scope", fmt.Sprintf("%.40q is unknown; there are %s", scope, strings.Join(allScopes, ", "))}
	}
	return nil
}

// Check completes a specification with what it leaves open and says what is wrong with it, at a time, when a bound key
// asks for it (see access.Actor).
func (s *KeySpec) Check(bound *apikey.Identity, now time.Time) error {
	if len(s.Scopes) == 0 && s.UserID != "" {
		s.Scopes = usualScopes(bound)
	}
	if len(s.Scopes) == 0 {
		return &FieldError{"scopes", "are required for a key without a user"}
	}
	return errors.Join(
		checkEnvironment(s.Environment), checkText("name", s.Name, maxName), checkScopes(s.Scopes), checkAddresses(s.Addresses),
		checkExpiry(s.ExpiresAt, now), checkAllowance(&s.PerHour, &s.PerMonth), s.checkPowers(bound),
	)
}

// usualScopes are those of a customer that the asking key has too.
func usualScopes(bound *apikey.Identity) []string {
	return slices.DeleteFunc(slices.Clone(CustomerScopes), func(scope string) bool { return bound != nil && !bound.Has(scope) })
}

// checkPowers keeps a key from making a stronger one.
func (s *KeySpec) checkPowers(bound *apikey.Identity) error {
	if bound == nil {
		return nil
	}
	if s.UserID == "" && bound.UserID != "" {
		return &FieldError{"user_id", "is required: only admins make keys of the platform"}
	}
	return errors.Join(checkEnvironmentWithin(bound, s.Environment), checkGiven(bound, s.Scopes),
		checkOnlyAdmin("requests_per_hour", s.PerHour != 0), checkOnlyAdmin("requests_per_month", s.PerMonth != 0),
		checkWithin(bound, s.Addresses), checkOutlives(bound, s.ExpiresAt))
}

// checkPowers keeps a key from giving what it does not have.
func (c *KeyChange) checkPowers(bound *apikey.Identity) error {
	if bound == nil {
		return nil
	}
	errs := []error{checkOnlyAdmin("requests_per_hour", c.PerHour != nil), checkOnlyAdmin("requests_per_month", c.PerMonth != nil)}
	if c.Scopes != nil {
		errs = append(errs, checkGiven(bound, *c.Scopes))
	}
	if c.Addresses != nil {
		errs = append(errs, checkWithin(bound, *c.Addresses))
	}
	if c.ExpiresAt != nil {
		errs = append(errs, checkOutlives(bound, *c.ExpiresAt))
	}
	return errors.Join(errs...)
}

// CheckNoStronger keeps a bound key from changing, or taking over by a rotation, one that can do more than itself.
func CheckNoStronger(bound *apikey.Identity, k *Key) error {
	if bound == nil || bound.KeyID == k.KeyID {
		return nil
	}
	err := errors.Join(checkEnvironmentWithin(bound, k.Environment), checkGiven(bound, k.Scopes), checkWithin(bound, k.Addresses), checkOutlives(bound, k.ExpiresAt))
	if err != nil {
		return &ForbiddenError{Message: "the key can do more than the asking key, which may only revoke it"}
	}
	return nil
}

func checkEnvironmentWithin(bound *apikey.Identity, environment string) error {
	if bound.Environment == apikey.Sandbox && environment == apikey.Live {
		return &FieldError{"environment", "cannot be live: a sandbox key makes sandbox keys"}
	}
	return nil
}

func checkGiven(id *apikey.Identity, scopes []string) error {
	for _, scope := range scopes {
		if !id.Has(scope) {
			return &FieldError{"scopes", fmt.Sprintf("cannot hold %.40s, which the asking key does not have itself", scope)}
		}
	}
	return nil
}

func checkOnlyAdmin(field string, given bool) error {
	if given {
		return &FieldError{field, "is set by the platform's admins only"}
	}
	return nil
}

// checkWithin keeps a key that is held to some networks from making one that is not.
func checkWithin(bound *apikey.Identity, asked []netip.Prefix) error {
	own := bound.Addresses
	if len(own) == 0 {
		return nil
	}
	within := func(n netip.Prefix) bool {
		return slices.ContainsFunc(own, func(o netip.Prefix) bool { return o.Bits() <= n.Bits() && o.Contains(n.Addr()) })
	}
	if len(asked) == 0 || slices.ContainsFunc(asked, func(n netip.Prefix) bool { return !within(n) }) {
		return &FieldError{"allowed_addresses", "must lie within those of the asking key"}
	}
	return nil
}

// checkOutlives keeps a key that ends from making one that lives on.
func checkOutlives(id *apikey.Identity, at time.Time) error {
	if !id.ExpiresAt.IsZero() && (at.IsZero() || at.After(id.ExpiresAt)) {
		return &FieldError{"expires_at", "must not be later than the end of the asking key, " + id.ExpiresAt.Format(time.RFC3339)}
	}
	return nil
}
