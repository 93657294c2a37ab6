package apikeyauthextension

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/disco-platform/mirrorball/extension/apikeyauthextension/internal/metadata"
	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/internal/clientaddr"
)

// What callers are told. The sentences say nothing of the key, nor why a lookup failed.
var (
	errMissing   = errors.New("API key is missing: send it as 'Authorization: Bearer dk_…'")
	errMalformed = errors.New("API key is malformed")
	errUnknown   = errors.New("API key is unknown")
	errRevoked   = errors.New("API key is revoked")
	errExpired   = errors.New("API key has expired")
	errScope     = errors.New("API key may not send telemetry here")
)

var refusals = map[string]error{
	apikey.RefusedMissing:   errMissing,
	apikey.RefusedMalformed: errMalformed,
	apikey.RefusedUnknown:   errUnknown,
	apikey.RefusedRevoked:   errRevoked,
	apikey.RefusedExpired:   errExpired,
	apikey.RefusedScope:     errScope,
}

type authenticator struct {
	config    *Config
	proxies   clientaddr.Proxies
	telemetry *metadata.TelemetryBuilder

	keys     *apikey.Verifier
	refusals *apikey.RefusalLog
}

var (
	_ extension.Extension             = (*authenticator)(nil)
	_ extensionauth.Server            = (*authenticator)(nil)
	_ extensioncapabilities.Dependent = (*authenticator)(nil)
)

func newAuthenticator(cfg *Config, set component.TelemetrySettings) (*authenticator, error) {
	proxies, err := clientaddr.ParseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, fmt.Errorf("cannot make the extension's metrics: %w", err)
	}
	return &authenticator{config: cfg, proxies: proxies, telemetry: telemetry}, nil
}

// Dependencies makes the store start first and stop last.
func (a *authenticator) Dependencies() []component.ID { return []component.ID{a.config.Store} }

func (a *authenticator) Start(_ context.Context, host component.Host) error {
	store, err := usagestoreextension.Find(host, a.config.Store)
	if err != nil {
		return err
	}
	a.keys, a.refusals = store.Keys(), store.Refusals()
	return nil
}

func (a *authenticator) Shutdown(context.Context) error {
	a.telemetry.Shutdown()
	return nil
}

// Authenticate puts a [keyauth.Data] into the context and takes the credentials off its metadata.
func (a *authenticator) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	info := client.FromContext(ctx)
	caller := a.proxies.Client(addressOf(info.Addr), header(sources, "X-Forwarded-For", "x-forwarded-for"))
	raw, ok := presentedKey(sources)
	if !ok {
		return ctx, a.refuse(ctx, apikey.RefusedMissing, caller, "", nil)
	}

	id, err := a.keys.Verify(ctx, raw)
	switch {
	case errors.Is(err, apikey.ErrUnavailable):
		a.telemetry.ExtensionAPIKeyAuthUnresolvedCalls.Add(ctx, 1)
		id = nil
	case errors.Is(err, apikey.ErrMalformed):
		return ctx, a.refuse(ctx, apikey.RefusedMalformed, caller, "", nil)
	case err != nil:
		return ctx, a.refuse(ctx, apikey.RefusalReason(err), caller, raw, id)
	case !a.mayEnter(id):
		return ctx, a.refuse(ctx, apikey.RefusedScope, caller, raw, id)
	}
	info.Auth = &keyauth.Data{Identity: id, Client: caller}
	return keyauth.Scrub(client.NewContext(ctx, info)), nil
}

func (a *authenticator) mayEnter(id *apikey.Identity) bool {
	for _, scope := range a.config.Scopes {
		if id.Has(scope) {
			return true
		}
	}
	return false
}

// refuse takes note of a refused call. raw is empty when what was presented is no key, id is nil when it is not registered.
func (a *authenticator) refuse(ctx context.Context, reason string, caller netip.Addr, raw string, id *apikey.Identity) error {
	switch {
	case id != nil:
		a.refusals.NoteKey(time.Now(), caller, id, reason)
	case raw != "":
		a.refusals.Note(time.Now(), caller, apikey.FingerprintOf(raw).String(), reason)
	default:
		a.refusals.Note(time.Now(), caller, "", reason)
	}
	a.telemetry.ExtensionAPIKeyAuthRefusedCalls.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reason)))
	if err, ok := refusals[reason]; ok {
		return err
	}
	return errUnknown
}
