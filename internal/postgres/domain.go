package postgres

import (
	"strings"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// domain is a kind of distinct strings of events: a domain of the dictionary. Domains 1 to 6 are dimensions of
// the statistics too. The values are stored; never renumber them.
type domain int16

const (
	domainEndpoint  domain = 1
	domainSDK       domain = 2
	domainCountry   domain = 3
	domainOperation domain = 4
	domainEventName domain = 5
	domainService   domain = 6
	domainCurrency  domain = 7
	domainUserAgent domain = 8
	domainErrorType domain = 9
	domainClaim     domain = 10
	domainEnd       domain = 11
)

// domainNames are used in details.
var domainNames = [domainEnd]string{
	"", "endpoint", "sdk", "country", "operation", "event_name", "service", "currency", "user_agent", "error_type", "claim",
}

// Dictionary ids that stand for themselves in every domain.
const (
	idOther   int32 = 1 // the key had used up its allowance of distinct values
	idUnknown int32 = 2 // the empty string
)

// parts are the strings of an event that make up its value in a domain.
type parts [3]string

func partsOf(e *usage.Event, d domain) parts {
	switch d {
	case domainEndpoint:
		return parts{e.Method, e.Route}
	case domainSDK:
		return parts{e.SDK.Name, e.SDK.Version, e.SDK.Language}
	case domainCountry:
		return parts{e.Country}
	case domainOperation:
		return parts{e.Operation}
	case domainEventName:
		return parts{e.Name}
	case domainService:
		return parts{e.ServiceID}
	case domainCurrency:
		if e.Payment != nil {
			return parts{e.Payment.Currency}
		}
	case domainUserAgent:
		return parts{e.UserAgent}
	case domainErrorType:
		return parts{e.ErrorType}
	case domainClaim:
		if e.Claim.Mismatch || e.KeyID == "" { // otherwise it says what the key says
			return parts{e.Claim.Email, e.Claim.Organization}
		}
	}
	return parts{}
}

// text is the value as the dictionary has it.
func (p parts) text(d domain) string {
	switch d {
	case domainEndpoint:
		return strings.TrimSpace(p[0] + " " + p[1])
	case domainSDK:
		return untabbed(p[0]) + "\t" + untabbed(p[1]) + "\t" + untabbed(p[2])
	case domainClaim:
		return untabbed(p[0]) + "\t" + untabbed(p[1])
	}
	return p[0]
}

// untabbed keeps the separator out of the parts.
func untabbed(s string) string { return strings.ReplaceAll(s, "\t", " ") }
