package sdkinstrumentation

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Bounds, in bytes, of what a caller may say of itself. The collector cuts at the same places.
const (
	maxEmail           = 254 // RFC 5321, section 4.5.3.1.3, less the angle brackets
	maxClaim           = 256
	maxName            = 128
	maxUserAgent       = 256
	maxPath            = 256
	maxMetadataEntries = 32
)

// Identity is who uses the SDK, as they say themselves. Options and environment variables make it.
type Identity struct {
	// APIKey authenticates the export. It is never an attribute of telemetry.
	APIKey       string
	UserEmail    string
	Organization string
	// UserMetadata has at most 32 entries; further ones, in order of their keys, are left out.
	UserMetadata map[string]string
	// SDKName and SDKVersion name the SDK, or the API server, that is instrumented.
	SDKName    string
	SDKVersion string
	// APIHosts are the hosts that the SDK calls. An API server has none.
	APIHosts []string
	// Endpoint is the base URL of the collector; empty: the pipeline's default.
	Endpoint string
}

// Environment is "live" or "sandbox" by the prefix of the key, "" without a key that has one.
func (id Identity) Environment() string {
	switch {
	case strings.HasPrefix(id.APIKey, "dk_live_"):
		return usageconv.EnvironmentLive
	case strings.HasPrefix(id.APIKey, "dk_test_"):
		return usageconv.EnvironmentSandbox
	}
	return ""
}

// String leaves the key out, so that an identity can be logged.
func (id Identity) String() string {
	return fmt.Sprintf("%s/%s %s %s", id.SDKName, id.SDKVersion, id.UserEmail, id.Organization)
}

// GoString leaves the key out as well.
func (id Identity) GoString() string { return id.String() }

// clean makes s fit to be an attribute and a header's value: control characters become spaces, which
// leaves no way to end a header line, invalid UTF-8 becomes U+FFFD, and what is longer than max bytes is cut.
func clean(s string, max int) string {
	if len(s) <= max && isClean(s) {
		return s // the common case costs no allocation
	}
	if len(s) > 2*max {
		s = s[:2*max]
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > max {
		cut := max
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	return strings.TrimSpace(s)
}

func isClean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}
