package requestlimitsextension

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
)

func TestCaller(t *testing.T) {
	t.Parallel()
	l := &limits{cfg: createDefaultConfig().(*Config)}
	peer := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 4711} }
	key := func(scopes ...string) *keyauth.Data {
		return &keyauth.Data{Identity: &apikey.Identity{KeyID: "k1", Scopes: scopes}, Client: netip.MustParseAddr("192.0.2.9")}
	}
	for name, tc := range map[string]struct {
		info  client.Info
		name  string
		share int
	}{
		"an address":                  {client.Info{Addr: peer("192.0.2.1")}, "192.0.2.1", 16},
		"as HTTP has it":              {client.Info{Addr: &net.IPAddr{IP: net.ParseIP("192.0.2.1")}}, "192.0.2.1", 16},
		"an address of IPv6":          {client.Info{Addr: peer("2001:db8:1:2:3::4")}, "2001:db8:1:2::/64", 16},
		"a Unix socket":               {client.Info{Addr: &net.UnixAddr{Name: "@"}}, "invalid IP", 16},
		"a customer's key":            {client.Info{Addr: peer("192.0.2.1"), Auth: key("telemetry:write")}, "key k1", 16},
		"the platform's key":          {client.Info{Auth: key("usage:read", "telemetry:write_any")}, "key k1", 128},
		"a key that is not resolved":  {client.Info{Addr: peer("10.0.0.1"), Auth: &keyauth.Data{Client: netip.MustParseAddr("192.0.2.9")}}, "192.0.2.9", 16},
		"one without address, either": {client.Info{Addr: peer("10.0.0.1"), Auth: &keyauth.Data{}}, "10.0.0.1", 16},
	} {
		got, share := l.caller(tc.info)
		require.Equal(t, tc.name, got, name)
		require.Equal(t, tc.share, share, name)
	}
}
