package usagestoreextension

import (
	"fmt"

	"go.opentelemetry.io/collector/component"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Store is what other components ask of this extension. [Find] gives it to them in their Start.
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
	// Allowances grant calls within what their keys may use up.
	Allowances() *allowance.Guard
	// Refusals takes note of calls that were refused.
	Refusals() *apikey.RefusalLog
	// Uses takes note of when keys are used.
	Uses() *apikey.UseLog
	// Derive makes a secret of the pepper for a purpose: the same one in every collector of a database.
	Derive(purpose string) []byte
	// Window is the span of event times that is accepted.
	Window() usage.Window
}

// Find returns the usage_store that a component names as its `store`.
func Find(host component.Host, id component.ID) (Store, error) {
	extension, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("`store`: there is no extension %q; list it under `service::extensions`", id)
	}
	store, ok := extension.(Store)
	if !ok {
		return nil, fmt.Errorf("`store`: extension %q is no usage_store", id)
	}
	return store, nil
}
