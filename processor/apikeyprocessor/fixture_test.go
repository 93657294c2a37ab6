package apikeyprocessor

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

var storeID = component.MustNewID("usage_store")

// keyStore is a store of keys in memory that can be switched off.
type keyStore struct {
	away  atomic.Bool
	asked atomic.Int64
	keys  map[apikey.Fingerprint]*apikey.Identity
}

func (s *keyStore) LookUp(_ context.Context, fingerprints ...apikey.Fingerprint) (ids []*apikey.Identity, err error) {
	s.asked.Add(int64(len(fingerprints)))
	if s.away.Load() {
		return nil, errors.New("connection refused")
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

// usageStore is the extension as far as the processor uses it.
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

// Fixed fingerprints keep golden files readable and stable.
var (
	aliceKey    = identityOf("alice", 0xa1)
	bobKey      = identityOf("bob", 0xb0)
	oldKey      = &apikey.Identity{KeyID: "key_old", Fingerprint: fingerprintOf(0xc0), UserID: "usr_bob", UserEmail: "bob@example.com", OrganizationID: "org_bob", OrganizationName: "bob Ltd", Environment: "live", RevokedAt: time.Unix(1, 0)}
	platformKey = &apikey.Identity{KeyID: "key_platform", Fingerprint: fingerprintOf(0xf0), Environment: "live", Scopes: []string{apikey.ScopeTelemetryWriteAny}}
)

func fingerprintOf(b byte) (f apikey.Fingerprint) {
	for i := range f {
		f[i] = b
	}
	return f
}

func identityOf(name string, b byte) *apikey.Identity {
	return &apikey.Identity{
		KeyID: "key_" + name, Fingerprint: fingerprintOf(b),
		UserID: "usr_" + name, UserEmail: name + "@example.com",
		OrganizationID: "org_" + name, OrganizationName: name + " Ltd",
		Environment: "sandbox", Scopes: []string{apikey.ScopeTelemetryWrite, apikey.ScopeUsageRead},
	}
}

func newKeyStore() *keyStore {
	s := &keyStore{keys: map[apikey.Fingerprint]*apikey.Identity{}}
	for _, id := range []*apikey.Identity{aliceKey, bobKey, oldKey, platformKey} {
		s.keys[id.Fingerprint] = id
	}
	return s
}

// started is a processor that has been started beside a store.
func started(tb testing.TB, store *keyStore, set component.TelemetrySettings) *apiKeyProcessor {
	tb.Helper()
	keys := apikey.NewVerifier(store, apikey.Config{})
	tb.Cleanup(keys.Close)
	p, err := newProcessor(&Config{Store: storeID}, set)
	require.NoError(tb, err)
	require.NoError(tb, p.start(context.Background(), fakeHost{storeID: &usageStore{keys: keys}}))
	tb.Cleanup(func() { require.NoError(tb, p.shutdown(context.Background())) })
	return p
}

// sentBy is the context of a request as the authenticator leaves it. 1.1.1.1 is registered in Australia.
func sentBy(id *apikey.Identity) context.Context {
	return client.NewContext(context.Background(), client.Info{
		Auth: &keyauth.Data{Identity: id, Client: netip.MustParseAddr("1.1.1.1")},
	})
}

// batch is n SERVER spans as the platform's middleware sends them, about keys in turn.
func batch(n int, about ...*apikey.Identity) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "disco-api")
	rs.Resource().Attributes().PutStr("telemetry.sdk.name", "opentelemetry")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	spans.EnsureCapacity(n)
	for i := range n {
		span := spans.AppendEmpty()
		span.SetName("POST /payments/{id}")
		span.SetKind(ptrace.SpanKindServer)
		m := span.Attributes()
		m.PutStr("http.request.method", "POST")
		m.PutStr("http.route", "/payments/{id}")
		m.PutStr("url.path", "/payments/pay_12345")
		m.PutStr("url.scheme", "https")
		m.PutInt("http.response.status_code", 200)
		m.PutStr("server.address", "api.disco.example")
		m.PutStr("network.protocol.version", "1.1")
		m.PutStr("user_agent.original", "disco-sdk-go/1.2.3 (go1.26; linux/amd64)")
		m.PutStr("client.address", "8.8.8.8")
		m.PutStr("disco.claimed.user.email", "someone@example.com")
		m.PutStr("disco.operation", "payments.create")
		m.PutStr("disco.payment.amount", "12.50")
		m.PutStr("disco.payment.currency", "EUR")
		if len(about) > 0 {
			m.PutStr(usageconv.APIKeyFingerprint, about[i%len(about)].Fingerprint.String())
		}
	}
	return td
}

func nopSettings() component.TelemetrySettings { return componenttest.NewNopTelemetrySettings() }
