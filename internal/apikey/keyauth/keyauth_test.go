package keyauth

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

func TestIsSecret(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"authorization", "Authorization", "AUTHORIZATION", "proxy-authorization", "Proxy-Authorization", "x-api-key", "X-Api-Key",
		"x_api_key", "api_key", "api-key", "apikey", "ApiKey", "cookie", "Set-Cookie", "http.request.header.authorization",
		"http.request.header.x-api-key", "http.response.header.set-cookie", "rpc.grpc.request.metadata.authorization", "disco.api_key",
	} {
		require.True(t, IsSecret(name), name)
	}
	for _, name := range []string{
		"", ".", "user.id", "disco.api_key.id", "disco.api_key.fingerprint", "authorization.type", "cookies", "http.route", "monkey",
		"user-agent", "x-forwarded-for",
	} {
		require.False(t, IsSecret(name), name)
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	with := func(metadata map[string][]string) context.Context {
		return client.NewContext(context.Background(), client.Info{
			Auth: &Data{Client: netip.MustParseAddr("192.0.2.1")}, Metadata: client.NewMetadata(metadata),
		})
	}
	clean := with(map[string][]string{"user-agent": {"curl/8"}, "x-tenant": {"a", "b"}})
	require.Equal(t, clean, Scrub(clean), "nothing to do")
	require.Equal(t, context.Background(), Scrub(context.Background()))

	info := client.FromContext(Scrub(with(map[string][]string{
		"Authorization": {"Bearer x"}, "Cookie": {"c"}, "X-Other": {"fine", "dk_test_12345678"}, "dk_test_12345678": {"x"}, "X-Tenant": {"a", "b"},
	})))
	require.Equal(t, []string{"x-tenant"}, slices.Collect(info.Metadata.Keys()))
	require.Equal(t, []string{"a", "b"}, info.Metadata.Get("X-Tenant"))
	require.Equal(t, "192.0.2.1", info.Auth.GetAttribute(ClientAddress))
}

func TestData(t *testing.T) {
	t.Parallel()
	require.Nil(t, FromContext(context.Background()))
	unresolved := &Data{}
	for _, name := range unresolved.GetAttributeNames() {
		require.Nil(t, unresolved.GetAttribute(name), name)
	}
	resolved := &Data{
		Identity: &apikey.Identity{KeyID: "k", UserID: "u", UserEmail: "e", OrganizationID: "o", OrganizationName: "n", Environment: "live", Scopes: []string{"s"}},
		Client:   netip.MustParseAddr("192.0.2.1"),
	}
	for _, name := range resolved.GetAttributeNames() {
		require.NotEmpty(t, resolved.GetAttribute(name), name)
	}
	require.Nil(t, resolved.GetAttribute("nonsense"))
}
