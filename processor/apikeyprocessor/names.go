package apikeyprocessor

import (
	"strings"

	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// class is what an attribute means to the processor, by its name.
type class uint8

const (
	plain       class = iota
	secret            // carries credentials by its name, or in it; never kept
	stamp             // the collector's own; never taken from a sender
	identity          // says who somebody is; kept as a claim
	place             // says where somebody is; kept as a claim unless the sender is trusted
	fingerprint       // names a key
	sdkName
	userAgent
)

// maxNames is how many places of [names] are kept. Records with more attributes are rare.
const maxNames = 64

// names are the names that the record before had, in order. Most records of a request come from the same code, so a name
// stands where it stood before, and to compare it is cheaper than to look at it anew.
type names [maxNames]struct {
	name  string
	class class
}

// classify is [classify] for the name at place i.
func (n *names) classify(i int, name string) class {
	if i >= maxNames {
		return classify(name)
	}
	if n[i].name != name {
		n[i].name, n[i].class = name, classify(name)
	}
	return n[i].class
}

// classify looks at the first byte before it compares. The class of "" is plain, as it is for [names] without a record.
func classify(name string) class {
	if name == "" {
		return plain
	}
	if holdsKey(name) {
		return secret
	}
	switch name[0] {
	case 'c':
		if name == usageconv.ClientAddress {
			return place
		}
	case 'd':
		switch name {
		case usageconv.APIKeyFingerprint:
			return fingerprint
		case usageconv.SDKName:
			return sdkName
		case usageconv.APIKeyID, usageconv.OrganizationID, usageconv.OrganizationName, usageconv.Environment:
			return identity
		}
	case 'g':
		if name == usageconv.GeoCountry {
			return place
		}
	case 'm':
		if strings.HasPrefix(name, usageconv.StampPrefix) {
			return stamp
		}
	case 'u':
		switch name {
		case usageconv.UserAgentOriginal:
			return userAgent
		case usageconv.UserID, usageconv.UserEmail:
			return identity
		}
	}
	if keyauth.IsSecret(name) {
		return secret
	}
	return plain
}

// claimed is the name under which a claim is kept: user.email becomes disco.claimed.user.email, and
// disco.environment becomes disco.claimed.environment.
func claimed(name string) string {
	return usageconv.ClaimedPrefix + strings.TrimPrefix(name, "disco.")
}
