package apikeyauthextension

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/disco-platform/mirrorball/extension/apikeyauthextension/internal/metadata"
	"github.com/disco-platform/mirrorball/extension/apikeyauthextension/internal/metadatatest"
	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/internal/clientaddr"
)

var storeID = component.MustNewID("usage_store")

type keyStore struct {
	away atomic.Bool
	keys map[apikey.Fingerprint]*apikey.Identity
}

func (s *keyStore) LookUp(_ context.Context, fingerprints ...apikey.Fingerprint) (ids []*apikey.Identity, err error) {
	if s.away.Load() {
		return nil, errors.New("connection refused by postgres://secret")
	}
	for _, f := range fingerprints {
		ids = append(ids, s.keys[f])
	}
	return ids, nil
}

func (s *keyStore) Watch(ctx context.Context, _ func(apikey.Change)) error {
	<-ctx.Done()
	return ctx.Err()
}

// add registers a new key that may have ended or lack a scope.
func (s *keyStore) add(t testing.TB, change func(*apikey.Identity)) string {
	t.Helper()
	raw, err := apikey.Generate(apikey.Live, false)
	require.NoError(t, err)
	id := &apikey.Identity{
		KeyID: "key_1", Fingerprint: apikey.FingerprintOf(raw), UserID: "usr_1", UserEmail: "a@example.com",
		OrganizationID: "org_1", OrganizationName: "A Ltd", Environment: "live", Scopes: []string{apikey.ScopeTelemetryWrite},
	}
	if change != nil {
		change(id)
	}
	s.keys[id.Fingerprint] = id
	return raw
}

// usageStore is the extension as far as the authenticator uses it.
type usageStore struct {
	component.StartFunc
	component.ShutdownFunc
	usagestoreextension.Store
	keys     *apikey.Verifier
	refusals apikey.RefusalLog
}

func (s *usageStore) Keys() *apikey.Verifier       { return s.keys }
func (s *usageStore) Refusals() *apikey.RefusalLog { return &s.refusals }

type fakeHost map[component.ID]component.Component

func (h fakeHost) GetExtensions() map[component.ID]component.Component { return h }

// setup starts an authenticator beside a store.
func setup(t testing.TB) (*authenticator, *keyStore, *usageStore, *componenttest.Telemetry) {
	t.Helper()
	keys := &keyStore{keys: map[apikey.Fingerprint]*apikey.Identity{}}
	store := &usageStore{keys: apikey.NewVerifier(keys, apikey.Config{})}
	t.Cleanup(store.keys.Close)
	telemetry := componenttest.NewTelemetry()
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	cfg := createDefaultConfig().(*Config)
	cfg.Store = storeID
	ext, err := NewFactory().Create(context.Background(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(context.Background(), fakeHost{storeID: store}))
	t.Cleanup(func() {
		require.NoError(t, ext.Shutdown(context.Background()))
		require.NoError(t, telemetry.Shutdown(context.Background()))
	})
	return ext.(*authenticator), keys, store, telemetry
}

// calling is the context and the headers of a call, as a receiver with include_metadata hands them over.
func calling(raw string) (context.Context, map[string][]string) {
	headers := map[string][]string{
		"Authorization": {"Bearer " + raw}, "Cookie": {"session=1"}, "User-Agent": {"curl/8"},
		"X-Forwarded-For": {"6.6.6.6"}, "X-Debug": {"key=" + raw},
	}
	return client.NewContext(context.Background(), client.Info{
		Addr: &net.IPAddr{IP: net.IPv4(203, 0, 113, 7)}, Metadata: client.NewMetadata(headers),
	}), headers
}

func TestAuthenticateTellsWhoCalls(t *testing.T) {
	t.Parallel()
	auth, keys, store, _ := setup(t)
	raw := keys.add(t, nil)
	ctx, err := auth.Authenticate(calling(raw))
	require.NoError(t, err)

	info := client.FromContext(ctx)
	for name, want := range map[string]any{
		"api_key.id": "key_1", "user.id": "usr_1", "user.email": "a@example.com",
		"organization.id": "org_1", "organization.name": "A Ltd", "environment": "live",
		"client.address": "203.0.113.7", "api_key.scopes": []string{"telemetry:write"},
	} {
		require.Equal(t, want, info.Auth.GetAttribute(name), name)
		require.Contains(t, info.Auth.GetAttributeNames(), name)
	}
	require.Nil(t, info.Auth.GetAttribute("raw"))

	data := keyauth.FromContext(ctx)
	require.Equal(t, apikey.FingerprintOf(raw), data.Identity.Fingerprint)
	require.Equal(t, netip.MustParseAddr("203.0.113.7"), data.Client)
	require.Empty(t, store.refusals.Drain())
}

func TestAuthenticateTakesSecretsOffTheMetadata(t *testing.T) {
	t.Parallel()
	auth, keys, _, _ := setup(t)
	raw := keys.add(t, nil)
	before, headers := calling(raw)
	ctx, err := auth.Authenticate(before, headers)
	require.NoError(t, err)
	var names []string
	metadata := client.FromContext(ctx).Metadata
	for name := range metadata.Keys() {
		names = append(names, name)
		require.NotContains(t, strings.Join(metadata.Get(name), " "), raw)
	}
	require.ElementsMatch(t, []string{"user-agent", "x-forwarded-for"}, names)
	require.Equal(t, []string{"Bearer " + raw}, headers["Authorization"], "the receiver's own headers are left alone")
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	never, err := apikey.Generate(apikey.Live, false)
	require.NoError(t, err)
	f := func(reason string, message error, registered bool, raw func(*keyStore) string) {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			auth, keys, store, telemetry := setup(t)
			key := raw(keys)
			ctx, headers := calling(key)
			if key == "" {
				delete(headers, "Authorization")
			}
			_, err := auth.Authenticate(ctx, headers)
			require.Equal(t, message, err)

			fingerprint := ""
			if reason != apikey.RefusedMissing && reason != apikey.RefusedMalformed {
				fingerprint = apikey.FingerprintOf(key).String()
			}
			refused := store.refusals.Drain()
			require.Len(t, refused, 1)
			require.WithinDuration(t, time.Now(), refused[0].Minute, 2*time.Minute)
			refused[0].Minute = time.Time{}
			want := apikey.Refusal{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Fingerprint: fingerprint, Reason: reason, Count: 1}
			if registered {
				want.KeyID, want.Prefix = "key_1", netip.MustParsePrefix("203.0.113.7/32")
			}
			require.Equal(t, want, refused[0])
			metadatatest.AssertEqualExtensionAPIKeyAuthRefusedCalls(t, telemetry,
				[]metricdata.DataPoint[int64]{{Value: 1, Attributes: attribute.NewSet(attribute.String("reason", reason))}},
				metricdatatest.IgnoreTimestamp())
		})
	}
	f("missing", errMissing, false, func(*keyStore) string { return "" })
	f("malformed", errMalformed, false, func(*keyStore) string { return "dk_live_letmein" })
	f("unknown", errUnknown, false, func(*keyStore) string { return never })
	f("revoked", errRevoked, true, func(s *keyStore) string {
		return s.add(t, func(id *apikey.Identity) { id.RevokedAt = time.Now() })
	})
	f("expired", errExpired, true, func(s *keyStore) string {
		return s.add(t, func(id *apikey.Identity) { id.ExpiresAt = time.Now() })
	})
	f("scope", errScope, true, func(s *keyStore) string {
		return s.add(t, func(id *apikey.Identity) { id.Scopes = []string{apikey.ScopeUsageRead, apikey.ScopeAdmin} })
	})
}

// A 401 would make the sender drop its data, so a key that cannot be checked is none.
func TestAuthenticateLetsUnresolvedCallsPass(t *testing.T) {
	t.Parallel()
	auth, keys, store, telemetry := setup(t)
	known := keys.add(t, nil)
	_, err := auth.Authenticate(calling(known))
	require.NoError(t, err)
	keys.away.Store(true)

	ctx, err := auth.Authenticate(calling(known))
	require.NoError(t, err)
	require.NotNil(t, keyauth.FromContext(ctx).Identity, "a known key is served from memory")

	other, err := apikey.Generate(apikey.Live, false)
	require.NoError(t, err)
	ctx, err = auth.Authenticate(calling(other))
	require.NoError(t, err)
	data := keyauth.FromContext(ctx)
	require.NotNil(t, data)
	require.Nil(t, data.Identity)
	require.Nil(t, data.GetAttribute(keyauth.UserID))
	require.Empty(t, client.FromContext(ctx).Metadata.Get("authorization"))
	require.Empty(t, store.refusals.Drain())
	metadatatest.AssertEqualExtensionAPIKeyAuthUnresolvedCalls(t, telemetry,
		[]metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())

	_, err = auth.Authenticate(calling("dk_live_letmein"))
	require.Equal(t, errMalformed, err, "what cannot be a key is refused without the store")
}

func TestAuthenticateLooksBehindTrustedProxies(t *testing.T) {
	t.Parallel()
	auth, keys, _, _ := setup(t)
	auth.proxies = clientaddr.Proxies{netip.MustParsePrefix("203.0.113.0/24")}
	raw := keys.add(t, nil)
	for _, name := range []string{"X-Forwarded-For", "x-forwarded-for"} { // as HTTP has it, and as gRPC does
		ctx, headers := calling(raw)
		delete(headers, "X-Forwarded-For")
		headers[name] = []string{"6.6.6.6", "198.51.100.1, 203.0.113.9"}
		ctx, err := auth.Authenticate(ctx, headers)
		require.NoError(t, err)
		require.Equal(t, "198.51.100.1", client.FromContext(ctx).Auth.GetAttribute("client.address"), name)
	}
}

func FuzzAuthenticate(f *testing.F) {
	f.Add("Bearer dk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV2Emexu", "", "1.2.3.4")
	f.Add("Basic YTpi", "dk_live_", ", ,")
	auth, _, _, _ := setup(f)
	f.Fuzz(func(t *testing.T, authorization, key, forwarded string) {
		_, err := auth.Authenticate(context.Background(), map[string][]string{
			"Authorization": {authorization}, "X-Api-Key": {key}, "X-Forwarded-For": {forwarded},
		})
		require.Error(t, err)
		_, found := apikey.Redact(err.Error())
		require.False(t, found)
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	auth, keys, _, _ := setup(b)
	ctx, headers := calling(keys.add(b, nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := auth.Authenticate(ctx, headers); err != nil {
			b.Fatal(err)
		}
	}
}
