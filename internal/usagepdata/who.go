package usagepdata

import (
	"cmp"
	"net/netip"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/text/unicode/norm"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// who is what a record or its resource says of whose usage it is.
type who struct {
	// Stamped by the api_key processor.
	reporter         string
	trusted, foreign bool
	keyID            string
	fingerprint      string
	email            string
	organization     string
	environment      string

	claimedEmail        string
	claimedOrganization string
	claimedEnvironment  string
	sdk                 usage.SDK
	userAgent           string
	client              netip.Addr
	country             string
}

// take reads one attribute and reports whether it was one of identity. Those never become attributes of an event.
func (w *who) take(key string, v *value) bool {
	switch key {
	case usageconv.StampReporter:
		w.reporter = text(v, usage.MaxName)
	case usageconv.StampTrusted:
		w.trusted = flag(v)
	case usageconv.StampForeign:
		w.foreign = flag(v)
	case usageconv.APIKeyID:
		w.keyID = text(v, usage.MaxName)
	case usageconv.APIKeyFingerprint:
		w.fingerprint = text(v, usage.MaxName)
	case usageconv.UserEmail:
		w.email = text(v, usage.MaxEmail)
	case usageconv.OrganizationName:
		w.organization = text(v, usage.MaxClaim)
	case usageconv.Environment:
		w.environment = text(v, usage.MaxName)
	case usageconv.ClaimedEmail:
		w.claimedEmail = text(v, usage.MaxEmail)
	case usageconv.ClaimedOrganization:
		w.claimedOrganization = text(v, usage.MaxClaim)
	case usageconv.ClaimedEnvironment:
		w.claimedEnvironment = text(v, usage.MaxName)
	case usageconv.SDKName:
		w.sdk.Name = text(v, usage.MaxName)
	case usageconv.SDKVersion:
		w.sdk.Version = text(v, usage.MaxName)
	case usageconv.SDKLanguage:
		w.sdk.Language = text(v, usage.MaxName)
	case usageconv.UserAgentOriginal:
		w.userAgent = text(v, usage.MaxUserAgent)
	case usageconv.ClientAddress:
		w.client = address(v)
	case usageconv.GeoCountry:
		w.country = country(v)
	case usageconv.UserID, usageconv.OrganizationID:
		// Facts about the key, which the store knows better.
	default:
		return strings.HasPrefix(key, usageconv.StampPrefix)
	}
	return true
}

// source is a resource: what its records inherit.
type source struct {
	who      who
	metadata map[string]string // shared by the claims of all its events
}

// metadataOf is the metadata of a record's caller.
func (s *source) metadataOf(same bool) map[string]string {
	if same {
		return s.metadata
	}
	return nil
}

func readSource(res pcommon.Resource) source {
	var s source
	for key, given := range res.Attributes().All() {
		v := valueOf(given)
		if s.who.take(key, &v) {
			continue
		}
		if name, ok := strings.CutPrefix(key, usageconv.UserMetadataPrefix); ok && name != "" && len(s.metadata) < usage.MaxAttributes {
			if s.metadata == nil {
				s.metadata = make(map[string]string)
			}
			s.metadata[usage.Sanitize(name, usage.MaxName)] = text(&v, usage.MaxAttribute)
		}
	}
	return s
}

// inherit is where the reading of a record starts: with what the api_key processor stamped on its resource.
func (w *who) inherit(s *source) {
	w.reporter, w.trusted, w.foreign = s.who.reporter, s.who.trusted, s.who.foreign
}

// complete fills in what a record left out, if the resource speaks of the same caller. That of a trusted reporter
// speaks of the reporter itself, unless it names a key; its servers' spans and the records that name a key are about
// others, whose claims and SDK are not the reporter's. It says whether it was the same caller.
func (s *source) complete(w *who, serverSpan bool) bool {
	same := !w.trusted || w.fingerprint == "" && (!serverSpan || s.who.fingerprint != "")
	if !same {
		return false
	}
	w.email = cmp.Or(w.email, s.who.email)
	w.organization = cmp.Or(w.organization, s.who.organization)
	w.environment = cmp.Or(w.environment, s.who.environment)
	w.claimedEmail = cmp.Or(w.claimedEmail, s.who.claimedEmail)
	w.claimedOrganization = cmp.Or(w.claimedOrganization, s.who.claimedOrganization)
	w.claimedEnvironment = cmp.Or(w.claimedEnvironment, s.who.claimedEnvironment)
	w.userAgent = cmp.Or(w.userAgent, s.who.userAgent)
	w.country = cmp.Or(w.country, s.who.country)
	if w.sdk.Name == "" { // a version belongs to the name beside it
		w.sdk = s.who.sdk
	}
	if !w.client.IsValid() {
		w.client = s.who.client
	}
	return true
}

// owner decides whose event a record is: the id of a registered key, or else the fingerprint of one that is not.
//
// Only a trusted reporter's word moves an event to another key. A call that the platform's server saw without any
// key is nobody's; anything else without a named key is the reporter's own.
func (s *source) owner(w *who, serverSpan bool) (keyID, fingerprint string) {
	if !w.trusted {
		return w.reporter, ""
	}
	keyID, fingerprint = w.keyID, w.fingerprint
	if keyID == "" && fingerprint == "" {
		keyID, fingerprint = s.who.keyID, s.who.fingerprint
		if serverSpan && fingerprint == "" && keyID == w.reporter {
			keyID = "" // the processor's note of who sent the resource, not of who called
		}
	}
	if keyID == "" && fingerprint == "" && !serverSpan {
		keyID = w.reporter
	}
	if keyID != "" || !isFingerprint(fingerprint) {
		fingerprint = ""
	}
	return keyID, fingerprint
}

func isFingerprint(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// describe writes what is known of the caller into an event. metadata is what the caller claims of itself.
func (w *who) describe(e *usage.Event, metadata map[string]string) {
	e.Trusted = w.trusted
	e.SDK = w.sdk
	e.UserAgent = w.userAgent
	e.Client = w.client
	e.Country = w.country
	e.Claim = usage.Claim{
		Email:        w.claimedEmail,
		Organization: w.claimedOrganization,
		Metadata:     metadata,
		Mismatch: differs(w.claimedEmail, w.email) || differs(w.claimedOrganization, w.organization) ||
			differs(w.claimedEnvironment, w.environment),
	}
}

// keepEnvironment keeps a claimed environment that is not the key's. One that is says nothing new, and almost all are.
func (w *who) keepEnvironment(k *kept) {
	if differs(w.claimedEnvironment, w.environment) {
		k.putText(usageconv.ClaimedEnvironment, w.claimedEnvironment)
	}
}

// differs reports whether a claim contradicts the verified value. Case, surrounding spaces and Unicode's compatible
// forms do not; neither does a claim where nothing is verified.
func differs(claimed, verified string) bool {
	if claimed == "" || verified == "" || claimed == verified {
		return false
	}
	return folded(claimed) != folded(verified)
}

func folded(s string) string { return strings.ToLower(norm.NFKC.String(strings.TrimSpace(s))) }
