package geo

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCountryFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "countries.mmdb")
	require.NoError(t, os.WriteFile(path, mmdb(8, "CH"), 0o600))
	c, err := Open(path)
	require.NoError(t, err)
	require.Equal(t, "CH", c.Country(netip.MustParseAddr("8.8.8.8")), "the file's word, not the table's")
	require.Empty(t, c.Country(netip.MustParseAddr("9.9.9.9")))
	require.Empty(t, c.Country(netip.MustParseAddr("2001:67c:2e8::1")), "a file of IPv4 only")
	require.NoError(t, c.Close())

	require.NoError(t, os.WriteFile(path+"2", mmdb(8, "Switzerland"), 0o600))
	c, err = Open(path + "2")
	require.NoError(t, err)
	require.Empty(t, c.Country(netip.MustParseAddr("8.8.8.8")), "not a code")
	require.NoError(t, c.Close())
}

// mmdb is a file of the MaxMind DB format 2.0 (maxmind.github.io/MaxMind-DB) that knows one IPv4 network, first/8.
func mmdb(first byte, country string) []byte {
	const nodes = 8 // one for each bit of the prefix
	var file []byte
	record := func(n int) { file = append(file, byte(n>>16), byte(n>>8), byte(n)) }
	for bit := range nodes {
		next := bit + 1
		if next == nodes {
			next = nodes + 16 // the first byte of the data section
		}
		if first>>(7-bit)&1 == 0 {
			record(next)
			record(nodes) // not found
		} else {
			record(nodes)
			record(next)
		}
	}
	file = append(file, make([]byte, 16)...)
	file = append(file, kv(text("country"), kv(text("iso_code"), text(country)))...)

	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	uint16of := func(n byte) []byte { return []byte{5<<5 | 1, n} }
	return append(file, kv(
		text("binary_format_major_version"), uint16of(2),
		text("binary_format_minor_version"), uint16of(0),
		text("build_epoch"), []byte{1, 2, 1}, // uint64
		text("database_type"), text("Test-Country"),
		text("description"), kv(),
		text("ip_version"), uint16of(4),
		text("languages"), []byte{0, 4}, // empty array
		text("node_count"), []byte{6<<5 | 1, nodes},
		text("record_size"), uint16of(24),
	)...)
}

func text(s string) []byte { return append([]byte{2<<5 | byte(len(s))}, s...) }

// kv is a map of keys and values in turn.
func kv(parts ...[]byte) []byte {
	out := []byte{7<<5 | byte(len(parts)/2)}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
