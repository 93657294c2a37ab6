package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/clientaddr"
)

// Keys tells whose key a caller presents, from a memory that is at most a few seconds old. *apikey.Verifier does.
type Keys interface {
	VerifyFresh(ctx context.Context, raw string) (*apikey.Identity, error)
}

// Limits hold keys to what they may use up. *allowance.Guard does.
type Limits interface {
	Take(ctx context.Context, id *apikey.Identity, n int64) (allowance.Decision, error)
}

// Mail sends a message, later and as best it can. Nil means that there is no way to send any.
type Mail func(to, subject, text string)

// Config is what the API needs.
type Config struct {
	Reader   analytics.Reader
	Accounts accounts.Registry
	Keys     Keys
	Limits   Limits
	// NoteUse takes note of a key that was used, NoteRefusal of a call that was refused: that of a registered key, or of a
	// key with a fingerprint, or, without both, of what is no key.
	NoteUse     func(id *apikey.Identity)
	NoteRefusal func(from netip.Addr, id *apikey.Identity, fingerprint, reason string)
	Mail        Mail
	// Registration says who may open an account.
	Registration Registration
	// TrustedProxies are networks whose X-Forwarded-For is believed.
	TrustedProxies clientaddr.Proxies
	// MaxInFlight bounds the requests that are answered at one time.
	MaxInFlight int
	// CursorKey seals the cursors of lists. Servers that share clients need the same.
	CursorKey []byte
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log takes failures that answers do not explain.
	Log *zap.Logger
}

// api is the state behind the handlers.
type api struct {
	Config
	byAddress      *limiter[netip.Prefix] // registrations
	byOrganization *limiter[string]       // registrations, by the folded name
	byUser         *limiter[string]       // mails asked for, by user or organisation
	byToken        *limiter[netip.Prefix] // tokens tried
	unruled        []string               // operations without a rule
}

// New makes the handler of the API.
func New(c Config) (http.Handler, error) {
	h, _, err := newHandler(c)
	return h, err
}

func newHandler(c Config) (http.Handler, *huma.OpenAPI, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &api{
		Config: c, byAddress: newLimiter[netip.Prefix](c.Registration.PerAddress),
		byOrganization: newLimiter[string](c.Registration.PerOrganization), byUser: newLimiter[string](mailsPerHour), byToken: newLimiter[netip.Prefix](tokensPerHour),
	}
	mux := http.NewServeMux()
	h := humago.New(mux, humaConfig())
	h.UseMiddleware(strictQuery)
	a.registerUsage(h)
	a.registerExport(h)
	a.registerUserInfo(h)
	a.registerPlatform(h)
	a.registerKeys(h)
	a.registerKeyChanges(h)
	a.registerVerify(h)
	a.registerRegistration(h)
	a.registerConfirmation(h)
	a.registerUsers(h)
	a.registerOrganizations(h)
	a.registerInvitations(h)
	a.registerTrail(h)
	if err := a.checkRules(h.OpenAPI()); err != nil {
		return nil, nil, err
	}

	document, err := json.MarshalIndent(h.OpenAPI(), "", "  ")
	if err != nil {
		return nil, nil, fmt.Errorf("cannot write the OpenAPI document: %w", err)
	}
	routes := routesOf(h.OpenAPI())
	routes.add(mux, "/openapi.json", serve("application/json", document))
	routes.add(mux, "/{$}", serve("text/html; charset=utf-8", []byte(welcome)))
	mux.HandleFunc("/", routes.notFound)
	return a.protect(mux), h.OpenAPI(), nil
}

// humaConfig leaves out what huma adds by default: pages that load scripts from elsewhere, $schema links in answers.
func humaConfig() huma.Config {
	c := huma.DefaultConfig("Mirrorball analytics API", "1.0.0")
	c.Info.Description = description
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: "bearer", Description: "An API key, such as dk_live_…"},
	}
	return c
}

const description = `Who uses the platform's SDK, and how. Numbers come from statistics that equal a recount of the events at any moment.

A customer's key sees what its user's keys did, a sandbox key only those of the sandbox, and until the user's address is confirmed
a key sees itself alone; the admin of an organisation sees the organisation's keys, an analyst everybody's usage without personal
data, an admin everything. What a caller does not see does not exist for it. Times are in the time zone that a question names.
Money is an exact decimal number, never rounded: read it with a
decimal type. Every error is a problem of RFC 9457 whose type tells the kind.`

const welcome = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mirrorball</title></head>
<body><h1>Mirrorball</h1><p>Who uses the platform's SDK, and how. The API is described at <a href="/openapi.json">/openapi.json</a>.</p></body></html>
`
