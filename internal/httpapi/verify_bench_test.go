package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/httpapi"
)

// oneKey is a store with the same key for everybody.
type oneKey struct{ id apikey.Identity }

func (s *oneKey) LookUp(_ context.Context, fingerprints ...apikey.Fingerprint) ([]*apikey.Identity, error) {
	return slices.Repeat([]*apikey.Identity{&s.id}, len(fingerprints)), nil
}
func (s *oneKey) Watch(ctx context.Context, _ func(apikey.Change)) error {
	<-ctx.Done()
	return ctx.Err()
}

// BenchmarkServe is what the API itself costs: the front page, and the verification of a key that is remembered.
func BenchmarkServe(b *testing.B) {
	verifier := apikey.NewVerifier(&oneKey{apikey.Identity{
		KeyID: "key_1aB3cD5eF7gH9iJ1kL3m", UserID: "usr_4fX0gYkPz1Qm7tRw2Lbd", OrganizationID: "org_9sLq2vZt6Ny3HcEw8Kpa",
		Environment: "live", Scopes: []string{apikey.ScopeKeysVerify, apikey.ScopeUsageRead, apikey.ScopeTelemetryWrite},
	}}, apikey.Config{})
	b.Cleanup(verifier.Close)
	handler, err := httpapi.New(httpapi.Config{
		Reader: &fakeReader{}, Accounts: &fakeAccounts{}, Keys: verifier, Limits: noLimits{}, MaxInFlight: 64,
		NoteUse: func(*apikey.Identity) {}, NoteRefusal: func(netip.Addr, *apikey.Identity, string, string) {}, Log: zap.NewNop(),
	})
	require.NoError(b, err)
	key, err := apikey.Generate("live", false)
	require.NoError(b, err)
	body := `{"key":"` + key + `","environment":"live","scope":"usage:read","client_address":"203.0.113.9"}`
	for name, request := range map[string]func() *http.Request{
		"page":   func() *http.Request { return httptest.NewRequest(http.MethodGet, "/", nil) },
		"verify": func() *http.Request { return postRequest(key, "/keys/verify", strings.NewReader(body)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, request())
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
