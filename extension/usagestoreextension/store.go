package usagestoreextension

import (
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Store is what other components ask of this extension. Look it up by its component id among
// host.GetExtensions() in Start, and assert this interface.
//
// All methods may be called from Start on, and what they return may be used from many goroutines.
type Store interface {
	// Writer stores usage.
	Writer() usage.Writer
	// Reader answers questions about usage.
	Reader() analytics.Reader
	// Keys tells whose key a caller presents. There is one cache of keys to a collector, and this is it.
	Keys() *apikey.Verifier
	// Accounts registers users and makes and revokes keys.
	Accounts() accounts.Registry
	// Refusals takes note of calls that an authenticator refused.
	Refusals() *apikey.RefusalLog
	// Window is the span of event times that is accepted.
	Window() usage.Window
	// CountedVantage is whose spans are the requests.
	CountedVantage() usage.Vantage
}
