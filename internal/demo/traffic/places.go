package traffic

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
	_ "time/tzdata" // the demo runs in containers without a zone database, too
)

// place is where a user works: a country, its clock, and networks of its large access providers, so that the
// collector's country table recognises the addresses. A test holds the two against each other.
type place struct {
	country  string // ISO 3166-1 alpha-2
	zone     string
	currency string
	networks []string // the first two bytes of IPv4 addresses
}

var places = []place{
	{"US", "America/New_York", "USD", []string{"73.158", "24.16"}},
	{"US", "America/Los_Angeles", "USD", []string{"67.160"}},
	{"DE", "Europe/Berlin", "EUR", []string{"91.10", "79.192"}},
	{"GB", "Europe/London", "GBP", []string{"81.129", "86.128"}},
	{"FR", "Europe/Paris", "EUR", []string{"90.12", "86.192"}},
	{"IN", "Asia/Kolkata", "USD", []string{"117.200", "49.36"}},
	{"JP", "Asia/Tokyo", "USD", []string{"126.7", "60.65"}},
	{"BR", "America/Sao_Paulo", "USD", []string{"177.34"}},
	{"AU", "Australia/Sydney", "USD", []string{"1.120", "1.128"}},
	{"CA", "America/Toronto", "USD", []string{"99.224", "70.48"}},
	{"SG", "Asia/Singapore", "USD", []string{"116.86", "42.60"}},
	{"NL", "Europe/Amsterdam", "EUR", []string{"84.24", "86.80"}},
	{"KE", "Africa/Nairobi", "USD", []string{"105.160", "41.90"}},
	{"SE", "Europe/Stockholm", "EUR", []string{"78.64"}},
}

func (p *place) location() *time.Location {
	loc, err := time.LoadLocation(p.zone)
	if err != nil {
		panic(err) // the zones are compiled in
	}
	return loc
}

// address picks a client address in one of the place's networks.
func (p *place) address(dice *rand.Rand) netip.Addr {
	network := p.networks[dice.IntN(len(p.networks))]
	return netip.MustParseAddr(fmt.Sprintf("%s.%d.%d", network, dice.IntN(256), 1+dice.IntN(254)))
}
