package geo

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCountryFromTheTableBuiltIn(t *testing.T) {
	t.Parallel()
	c, err := Open("")
	require.NoError(t, err)
	f := func(address, want string) {
		t.Helper()
		require.Equal(t, want, c.Country(netip.MustParseAddr(address)), address)
	}
	// Networks that have belonged to their country's registry or university for decades.
	f("133.11.0.1", "JP")  // University of Tokyo
	f("193.0.6.139", "NL") // RIPE NCC
	f("::ffff:193.0.6.139", "NL")
	f("2001:67c:2e8::1", "NL")
	f("18.7.22.83", "US")

	for _, nowhere := range []string{
		"0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1%eth0", "fd00::1", "ff02::1",
	} {
		f(nowhere, "")
	}
	require.Empty(t, c.Country(netip.Addr{}))
	require.NoError(t, c.Close())
}

// Every address, the first and last of the table included, gives two capitals or nothing.
func FuzzCountry(f *testing.F) {
	for _, s := range []string{"0.0.0.0", "255.255.255.255", "1.0.0.0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::1"} {
		f.Add(netip.MustParseAddr(s).AsSlice())
	}
	c, err := Open("")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, _ := netip.AddrFromSlice(b)
		require.Regexp(t, `^([A-Z]{2})?$`, c.Country(a))
	})
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := Open(filepath.Join(t.TempDir(), "none.mmdb"))
	require.ErrorContains(t, err, "cannot open the table of countries")
	rubbish := filepath.Join(t.TempDir(), "rubbish.mmdb")
	require.NoError(t, os.WriteFile(rubbish, []byte("rubbish"), 0o600))
	_, err = Open(rubbish)
	require.ErrorContains(t, err, "cannot open the table of countries")
}

func BenchmarkCountry(b *testing.B) {
	c, err := Open("")
	require.NoError(b, err)
	for _, s := range []string{"193.0.6.139", "2001:67c:2e8::1"} {
		a := netip.MustParseAddr(s)
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Country(a)
			}
		})
	}
}
