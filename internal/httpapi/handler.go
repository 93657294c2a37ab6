package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/clientaddr"
)

// Keys tells whose key a caller presents, from a memory that is at most a few seconds old. *apikey.Verifier does.
type Keys interface {
	VerifyFresh(ctx context.Context, raw string) (*apikey.Identity, error)
}

// Config is what the API needs.
type Config struct {
	Reader   analytics.Reader
	Accounts accounts.Registry
	Keys     Keys
	// RegistrationsPerHour bounds registrations from one address (IPv4) or network (IPv6, /64).
	RegistrationsPerHour int
	// TrustedProxies are networks whose X-Forwarded-For is believed.
	TrustedProxies clientaddr.Proxies
	// MaxInFlight bounds the requests that are answered at one time.
	MaxInFlight int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log takes failures that answers do not explain.
	Log *zap.Logger
}

// api is the state behind the handlers.
type api struct {
	Config
	registrations *limiter
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
	a := &api{Config: c, registrations: newLimiter(c.RegistrationsPerHour)}
	mux := http.NewServeMux()
	h := humago.New(mux, humaConfig())
	h.UseMiddleware(strictQuery)
	a.registerUsage(h)
	a.registerExport(h)
	a.registerUserInfo(h)
	a.registerPlatform(h)
	a.registerUsers(h)

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

A customer's key sees the usage of all keys of its own user in its own environment, and nothing else; an admin's key sees
everything. Times are in the time zone that a question names. Money is an exact decimal number, never rounded: read it with a
decimal type. Every error is a problem of RFC 9457 whose type tells the kind.`

const welcome = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mirrorball</title></head>
<body><h1>Mirrorball</h1><p>Who uses the platform's SDK, and how. The API is described at <a href="/openapi.json">/openapi.json</a>.</p></body></html>
`
