// Package geo tells the country of an address, from a table built into the program or from an MMDB file.
package geo

import (
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/phuslu/iploc"
)

// Countries is a table of countries. It may be used from many goroutines.
type Countries struct {
	file *maxminddb.Reader // nil: the table that is built in
}

// Open reads an MMDB file that has countries, such as GeoLite2-Country, GeoLite2-City or DB-IP's. An empty path
// means the table that is built in: iploc's, made from the registries' allocations, so it knows the country that a
// network is registered in.
func Open(path string) (*Countries, error) {
	if path == "" {
		return &Countries{}, nil
	}
	file, err := maxminddb.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the table of countries: %w", err)
	}
	return &Countries{file: file}, nil
}

// Country returns an ISO 3166-1 alpha-2 code in capitals, or "" when it is not known. Addresses that belong to no
// country, such as private ones, have none.
func (c *Countries) Country(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return ""
	}
	code := iploc.IPCountry
	if c.file != nil {
		code = c.fromFile
	}
	return valid(code(a))
}

// Close lets go of the file.
func (c *Countries) Close() error {
	if c.file == nil {
		return nil
	}
	if err := c.file.Close(); err != nil {
		return fmt.Errorf("cannot close the table of countries: %w", err)
	}
	return nil
}

func (c *Countries) fromFile(a netip.Addr) string {
	var code string
	if err := c.file.Lookup(a).DecodePath(&code, "country", "iso_code"); err != nil {
		return ""
	}
	return code
}

// valid keeps two capitals. ZZ is a user-assigned code that tables use for "nobody".
func valid(code string) string {
	if len(code) != 2 || code == "ZZ" {
		return ""
	}
	for i := range len(code) {
		if code[i] < 'A' || code[i] > 'Z' {
			return ""
		}
	}
	return code
}
