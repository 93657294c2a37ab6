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

func TestAddressOf(t *testing.T) {
	t.Parallel()
	v4, v6 := net.ParseIP("203.0.113.9"), net.ParseIP("2001:db8::1")
	require.Equal(t, "203.0.113.9", addressOf(&net.IPAddr{IP: v4}).String(), "as confighttp gives it")
	require.Equal(t, "203.0.113.9", addressOf(&net.TCPAddr{IP: v4, Port: 1234}).String(), "as configgrpc gives it")
	require.Equal(t, "2001:db8::1", addressOf(&net.TCPAddr{IP: v6, Port: 1234}).String())
	require.Equal(t, netip.Addr{}, addressOf(nil))
	require.Equal(t, netip.Addr{}, addressOf(&net.UnixAddr{Name: "/run/x"}))
}
