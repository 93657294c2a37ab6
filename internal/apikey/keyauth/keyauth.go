// Package keyauth is what the api_key_auth extension tells the api_key processor about a caller, so that neither has
// to import the other.
package keyauth

import (
	"context"
	"net/netip"
	"slices"

	"go.opentelemetry.io/collector/client"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Names of the attributes that [Data] answers to. They are a public interface: other processors may read them,
// for instance with `from_context: auth.user.id`.
const (
	APIKeyID         = "api_key.id"
	APIKeyScopes     = "api_key.scopes" // []string; all others are strings
	ClientAddress    = "client.address"
	Environment      = "environment"
	OrganizationID   = "organization.id"
	OrganizationName = "organization.name"
	UserEmail        = "user.email"
	UserID           = "user.id"
)

var names = []string{
	APIKeyID, APIKeyScopes, ClientAddress, Environment, OrganizationID, OrganizationName, UserEmail, UserID,
}

// Data is a caller, as the authenticator knows it.
type Data struct {
	// Identity is nil when the call is unresolved: the key is well-formed, and whether it is registered could not be
	// found out. Such a call must be answered with an error that the caller retries.
	Identity *apikey.Identity
	// Client is the caller's address, behind trusted proxies; the zero Addr when unknown.
	Client netip.Addr
}

var _ client.AuthData = (*Data)(nil)

// FromContext returns what the authenticator has put into the context, or nil.
func FromContext(ctx context.Context) *Data {
	data, _ := client.FromContext(ctx).Auth.(*Data)
	return data
}

// GetAttribute returns an attribute, or nil when it is not known.
func (d *Data) GetAttribute(name string) any {
	if name == ClientAddress {
		if !d.Client.IsValid() {
			return nil
		}
		return d.Client.String()
	}
	id := d.Identity
	if id == nil {
		return nil
	}
	switch name {
	case APIKeyID:
		return id.KeyID
	case APIKeyScopes:
		return slices.Clone(id.Scopes)
	case Environment:
		return id.Environment
	case OrganizationID:
		return id.OrganizationID
	case OrganizationName:
		return id.OrganizationName
	case UserEmail:
		return id.UserEmail
	case UserID:
		return id.UserID
	}
	return nil
}

// GetAttributeNames returns the names of all attributes.
func (d *Data) GetAttributeNames() []string { return slices.Clone(names) }
