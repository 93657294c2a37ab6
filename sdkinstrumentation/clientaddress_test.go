package sdkinstrumentation

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"198.51.100.1", "1.1.1.1, 10.0.0.2", "[2001:db8::1]:80", ",,,", "unknown", "10.0.0.1%eth0", strings.Repeat("10.0.0.1,", 50)} {
		f.Add(seed, seed)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {first, second}}}
		got := clientAddress(r, trusted)
		addr, err := netip.ParseAddr(got)
		require.NoError(t, err, "always an address, whatever the header says")
		require.Equal(t, got, addr.String(), "in one form")
		r.RemoteAddr = "192.0.2.7:1"
		require.Equal(t, "192.0.2.7", clientAddress(r, trusted), "a stranger's header changes nothing")
	})
}
