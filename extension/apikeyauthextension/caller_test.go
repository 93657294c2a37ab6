package apikeyauthextension

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPresentedKey(t *testing.T) {
	t.Parallel()
	f := func(sources map[string][]string, want string) {
		t.Helper()
		got, ok := presentedKey(sources)
		require.Equal(t, want, got)
		require.Equal(t, want != "", ok)
	}
	f(nil, "")
	f(map[string][]string{"Authorization": {"Bearer k"}}, "k")
	f(map[string][]string{"authorization": {"bearer  k "}}, "k")
	f(map[string][]string{"X-Api-Key": {"k"}}, "k")
	f(map[string][]string{"x-api-key": {" k"}}, "k")
	f(map[string][]string{"Authorization": {"Bearer a"}, "X-Api-Key": {"b"}}, "a")
	f(map[string][]string{"Authorization": {"Basic YTpi"}, "X-Api-Key": {"b"}}, "b")
	f(map[string][]string{"Authorization": {"Bearer a", "Bearer a"}}, "a")
	f(map[string][]string{"Authorization": {"Bearer a", "Bearer b"}}, "")
	f(map[string][]string{"Authorization": {"Basic YTpi"}}, "")
	f(map[string][]string{"Authorization": {"k"}}, "")
	f(map[string][]string{"Authorization": {}}, "")
	f(map[string][]string{"Authorization": {""}}, "")
}

func TestCallerAddress(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f := func(peer net.Addr, forwarded []string, want string) {
		t.Helper()
		got := callerAddress(peer, map[string][]string{"X-Forwarded-For": forwarded}, proxies)
		if want == "" {
			require.False(t, got.IsValid())
			return
		}
		require.Equal(t, want, got.String())
		lower := callerAddress(peer, map[string][]string{"x-forwarded-for": forwarded}, proxies)
		require.Equal(t, got, lower, "the same over gRPC")
	}
	stranger := &net.IPAddr{IP: net.ParseIP("203.0.113.9")}
	proxy := &net.TCPAddr{IP: net.ParseIP("10.0.0.1"), Port: 1234}

	f(nil, nil, "")
	f(&net.UnixAddr{Name: "/run/x"}, []string{"1.2.3.4"}, "")
	f(stranger, nil, "203.0.113.9")
	f(stranger, []string{"1.2.3.4"}, "203.0.113.9") // a stranger's word counts for nothing
	f(proxy, nil, "10.0.0.1")
	f(proxy, []string{"1.2.3.4"}, "1.2.3.4")
	f(proxy, []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4") // what the caller itself sent stands left
	f(proxy, []string{"6.6.6.6", "1.2.3.4, 10.9.9.9"}, "1.2.3.4")
	f(proxy, []string{"1.2.3.4, fd00::1 ,10.9.9.9"}, "1.2.3.4")
	f(proxy, []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1")
	f(proxy, []string{"rubbish, 10.2.2.2"}, "10.2.2.2")
	f(proxy, []string{"1.2.3.4, "}, "10.0.0.1")
	f(proxy, []string{"[2001:db8::1]"}, "2001:db8::1")
	f(proxy, []string{"::ffff:1.2.3.4"}, "1.2.3.4")
	f(&net.IPAddr{IP: net.ParseIP("::ffff:10.0.0.1")}, []string{"1.2.3.4"}, "1.2.3.4")
}

func FuzzCallerAddress(f *testing.F) {
	f.Add("6.6.6.6, 1.2.3.4,,fd00::1%eth0, [::1]:80")
	f.Add(",,,,")
	proxies := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	f.Fuzz(func(t *testing.T, forwarded string) {
		peer := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}
		a := callerAddress(peer, map[string][]string{"X-Forwarded-For": {forwarded}}, proxies)
		require.True(t, a.IsValid())
		require.Empty(t, a.Zone())
	})
}
