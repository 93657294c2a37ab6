package httpapi

import (
	"net/netip"
	"time"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// User is a registered user.
type User struct {
	ID               string     `json:"id" example:"usr_4fX0gYkPz1Qm7tRw2Lbd"`
	Email            string     `json:"email" doc:"As registered. Analysts see the domain alone." example:"ada@example.com"`
	EmailConfirmedAt *time.Time `json:"email_confirmed_at,omitempty" doc:"When the user showed that the address is its own; missing until then."`
	Name             string     `json:"name,omitempty" example:"Ada Lovelace"`
	OrganizationID   string     `json:"organization_id" example:"org_9sLq2vZt6Ny3HcEw8Kpa"`
	Role             string     `json:"role" enum:"member,admin" doc:"Within the organisation."`
	UseCase          string     `json:"use_case,omitempty"`
	ExpectedVolume   string     `json:"expected_volume,omitempty"`
	CreatedAt        time.Time  `json:"created_at"`
}

// Label is an organisation by its name.
type Label struct {
	ID   string `json:"id" example:"org_9sLq2vZt6Ny3HcEw8Kpa"`
	Name string `json:"name" doc:"A label. Two organisations may have the same." example:"Analytical Engines"`
}

// Key is a key without its secret.
type Key struct {
	ID             string     `json:"id" example:"key_1aB3cD5eF7gH9iJ1kL3m"`
	Hint           string     `json:"hint,omitempty" doc:"Kind and last four characters, to tell keys apart." example:"dk_live_…a1B2"`
	Name           string     `json:"name,omitempty" example:"billing job"`
	Status         string     `json:"status" enum:"active,expired,revoked"`
	Environment    string     `json:"environment" enum:"sandbox,live"`
	Scopes         []string   `json:"scopes" nullable:"false" example:"[\"telemetry:write\",\"usage:read\"]"`
	UserID         string     `json:"user_id,omitempty" doc:"The owner; missing for the platform's own keys, and when the owner has left the organisation that asks." example:"usr_4fX0gYkPz1Qm7tRw2Lbd"`
	OrganizationID string     `json:"organization_id,omitempty" example:"org_9sLq2vZt6Ny3HcEw8Kpa"`
	CreatedAt      time.Time  `json:"created_at"`
	ExpiresAt      *time.Time `json:"expires_at,omitempty" doc:"Missing for a key that does not expire."`
	RevokedAt      *time.Time `json:"revoked_at,omitempty"`
	LastUsedAt     *time.Time `json:"last_used_at,omitempty" doc:"When the key last asked this API, or was verified for a gateway, to some ten seconds."`
	RotatedFrom    string     `json:"rotated_from,omitempty" doc:"The key that this one replaces." example:"key_9iJ1kL3m1aB3cD5eF7gH"`
	Addresses      []string   `json:"allowed_addresses" nullable:"false" doc:"The networks that the key may be used from; empty: from everywhere. Telemetry is taken from everywhere." example:"[\"203.0.113.0/24\"]"`
	PerHour        int64      `json:"requests_per_hour,omitempty" doc:"How many calls of a UTC hour are verified; missing: any number. Keys that were made with a key, or by rotating it, share its limits." example:"10000"`
	PerMonth       int64      `json:"requests_per_month,omitempty" doc:"How many requests of a UTC month are; missing: any number." example:"1000000"`
}

// Organization is what users belong to.
type Organization struct {
	Label
	MergedInto string    `json:"merged_into,omitempty" doc:"The organisation that this one has become another name for." example:"org_3HcEw8Kpa9sLq2vZt6Ny"`
	Members    int64     `json:"members" doc:"Users that belong to it, of those whom the caller sees." example:"3"`
	CreatedAt  time.Time `json:"created_at"`
}

// Invitation is one without its token.
type Invitation struct {
	ID         string     `json:"id" example:"inv_5eF7gH9iJ1kL3m1aB3cD"`
	Email      string     `json:"email" example:"grace@example.com"`
	Role       string     `json:"role" enum:"member,admin"`
	Status     string     `json:"status" enum:"open,accepted,revoked,expired"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	AcceptedAt *time.Time `json:"accepted_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

func userOf(u *accounts.User, masked bool) *User {
	if u == nil {
		return nil
	}
	out := &User{
		ID: u.ID, Email: u.Email, EmailConfirmedAt: orMissing(u.ConfirmedAt), Name: u.Name, OrganizationID: u.OrganizationID, Role: u.Role,
		UseCase: u.UseCase, ExpectedVolume: u.ExpectedVolume, CreatedAt: u.CreatedAt,
	}
	if masked {
		out.Email, out.Name, out.UseCase = maskEmail(u.Email), "", ""
	}
	return out
}

func labelOf(u *accounts.User) *Label {
	if u == nil {
		return nil
	}
	return &Label{ID: u.OrganizationID, Name: u.OrganizationName}
}

func keyOf(k *accounts.Key) Key {
	return Key{
		ID: k.KeyID, Hint: k.Hint, Name: k.Name, Status: k.Status(time.Now()), Environment: k.Environment, Scopes: append([]string{}, k.Scopes...),
		UserID: k.UserID, OrganizationID: k.OrganizationID, CreatedAt: k.CreatedAt, ExpiresAt: orMissing(k.ExpiresAt),
		RevokedAt: orMissing(k.RevokedAt), LastUsedAt: orMissing(k.LastUsedAt), RotatedFrom: k.RotatedFrom,
		Addresses: networksOf(k.Addresses), PerHour: k.Allowance.PerHour, PerMonth: k.Allowance.PerMonth,
	}
}

func networksOf(prefixes []netip.Prefix) []string {
	networks := make([]string, len(prefixes))
	for i, p := range prefixes {
		networks[i] = p.String()
	}
	return networks
}

func organizationOf(o *accounts.Organization) Organization {
	return Organization{Label: Label{ID: o.ID, Name: o.Name}, MergedInto: o.MergedInto, Members: o.Members, CreatedAt: o.CreatedAt}
}

func invitationOf(i *accounts.Invitation, now time.Time) Invitation {
	return Invitation{
		ID: i.ID, Email: i.Email, Role: i.Role, Status: i.Status(now), CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt,
		AcceptedAt: orMissing(i.AcceptedAt), RevokedAt: orMissing(i.RevokedAt),
	}
}

// orMissing leaves the zero time out.
func orMissing(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
