package stamp

import (
	"strings"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Class is what an attribute means to the collector, by its name.
type Class uint8

const (
	Plain       Class = iota
	Secret            // carries credentials by its name, or in it; never kept
	Stamp             // the collector's own; never taken from a sender
	Identity          // says who somebody is; kept as a claim
	Address           // says where somebody is; kept as a claim unless the sender is trusted
	Country           // the same
	Fingerprint       // names a key
	SDKName
	SDKVersion
	SDKLanguage
	UserAgent
)

// ClassOf looks at the first byte before it compares. The class of "" is Plain.
func ClassOf(name string) Class {
	if name == "" {
		return Plain
	}
	if HoldsKey(name) {
		return Secret
	}
	switch name[0] {
	case 'c':
		if name == usageconv.ClientAddress {
			return Address
		}
	case 'd':
		switch name {
		case usageconv.APIKeyFingerprint:
			return Fingerprint
		case usageconv.SDKName:
			return SDKName
		case usageconv.SDKVersion:
			return SDKVersion
		case usageconv.SDKLanguage:
			return SDKLanguage
		case usageconv.APIKeyID, usageconv.OrganizationID, usageconv.OrganizationName, usageconv.Environment:
			return Identity
		}
	case 'g':
		if name == usageconv.GeoCountry {
			return Country
		}
	case 'm':
		if strings.HasPrefix(name, usageconv.StampPrefix) {
			return Stamp
		}
	case 'u':
		switch name {
		case usageconv.UserAgentOriginal:
			return UserAgent
		case usageconv.UserID, usageconv.UserEmail:
			return Identity
		}
	}
	if keyauth.IsSecret(name) {
		return Secret
	}
	return Plain
}

// Claimed is the name under which a claim is kept: user.email becomes disco.claimed.user.email, and
// disco.environment becomes disco.claimed.environment.
func Claimed(name string) string {
	return usageconv.ClaimedPrefix + strings.TrimPrefix(name, "disco.")
}

// HoldsKey reports whether something in s looks like an API key.
func HoldsKey(s string) bool {
	_, found := apikey.Redact(s)
	return found
}
