package clientaddr

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClient(t *testing.T) {
	t.Parallel()
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, test := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"Direct":            {"203.0.113.9", nil, "203.0.113.9"},
		"StrangersWord":     {"203.0.113.9", []string{"1.2.3.4"}, "203.0.113.9"},
		"NoHeader":          {"10.0.0.1", nil, "10.0.0.1"},
		"EmptyHeader":       {"10.0.0.1", []string{""}, "10.0.0.1"},
		"Proxy":             {"10.0.0.1", []string{"1.2.3.4"}, "1.2.3.4"},
		"ForgedOnLeft":      {"10.0.0.1", []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4"},
		"SeveralLines":      {"10.0.0.1", []string{"6.6.6.6", "1.2.3.4, 10.9.9.9"}, "1.2.3.4"},
		"Chain":             {"10.0.0.1", []string{"1.2.3.4, fd00::1 ,10.9.9.9"}, "1.2.3.4"},
		"OnlyProxies":       {"10.0.0.1", []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},
		"Rubbish":           {"10.0.0.1", []string{"1.2.3.4, unknown, 10.2.2.2"}, "10.2.2.2"},
		"EmptyEntry":        {"10.0.0.1", []string{"1.2.3.4, "}, "10.0.0.1"},
		"Port":              {"10.0.0.1", []string{"1.2.3.4:443"}, "1.2.3.4"},
		"Brackets":          {"10.0.0.1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"BracketsAndPort":   {"10.0.0.1", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		"IPv4InIPv6":        {"::ffff:10.0.0.1", []string{"::ffff:1.2.3.4"}, "1.2.3.4"},
		"ProxyInIPv6":       {"10.0.0.1", []string{"1.2.3.4, ::ffff:10.2.2.2"}, "1.2.3.4"},
		"Zone":              {"fe80::1%eth0", nil, "fe80::1"},
		"LongestChain":      {"10.0.0.1", []string{"1.2.3.4" + strings.Repeat(",10.1.1.1", 31)}, "1.2.3.4"},
		"ChainBeyondBounds": {"10.0.0.1", []string{"1.2.3.4" + strings.Repeat(",10.1.1.1", 32)}, "10.1.1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, proxies.Client(netip.MustParseAddr(test.peer), test.forwarded).String())
		})
	}
	require.Equal(t, netip.Addr{}, proxies.Client(netip.Addr{}, []string{"1.2.3.4"}), "a peer without an address, such as a Unix socket")
	require.Equal(t, "10.0.0.1", Proxies(nil).Client(netip.MustParseAddr("10.0.0.1"), []string{"1.2.3.4"}).String(), "nobody is trusted")
}

func TestParseProxies(t *testing.T) {
	t.Parallel()
	got, err := ParseProxies([]string{"10.1.2.3/8", "::1/128"})
	require.NoError(t, err)
	require.Equal(t, Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}, got)

	_, err = ParseProxies([]string{"10.0.0.1", "10.0.0.0/8", "proxy", "::ffff:10.0.0.0/104"})
	require.EqualError(t, err, strings.Join([]string{
		"`trusted_proxies` has \"10.0.0.1\", which is no network such as 10.0.0.0/8 or ::1/128",
		"`trusted_proxies` has \"proxy\", which is no network such as 10.0.0.0/8 or ::1/128",
		"`trusted_proxies` has \"::ffff:10.0.0.0/104\", which is no network such as 10.0.0.0/8 or ::1/128",
	}, "\n"))
}

func FuzzClient(f *testing.F) {
	for _, seed := range []string{
		"198.51.100.1", "1.1.1.1, 10.0.0.2", "[2001:db8::1]:80", ",,,", "unknown", "fd00::1%eth0", "::ffff:10.0.0.1", strings.Repeat("10.0.0.1,", 50),
	} {
		f.Add(seed, seed)
	}
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Fuzz(func(t *testing.T, first, second string) {
		got := proxies.Client(netip.MustParseAddr("10.0.0.1"), []string{first, second})
		require.True(t, got.IsValid(), "always an address, whatever the header says")
		require.Empty(t, got.Zone())
		require.False(t, got.Is4In6())
		if !proxies.contain(got) {
			forged := proxies.Client(netip.MustParseAddr("10.0.0.1"), []string{"6.6.6.6", first, second})
			require.Equal(t, got, forged, "what stands left of a stranger's entry changes nothing")
		}
		stranger := netip.MustParseAddr("192.0.2.7")
		require.Equal(t, stranger, proxies.Client(stranger, []string{first, second}), "a stranger's header changes nothing")
	})
}
