// Package clientaddr finds the address of a caller that may stand behind proxies. The middleware of sdkinstrumentation, a
// module of its own, follows the same rules.
package clientaddr

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how far X-Forwarded-For is walked. No sane chain of proxies is longer.
const maxHops = 32

// Proxies are the networks whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// ParseProxies reads the setting `trusted_proxies` of a component and reports everything that is wrong at once.
func ParseProxies(networks []string) (Proxies, error) {
	var errs []error
	proxies := make(Proxies, 0, len(networks))
	for _, s := range networks {
		p, err := netip.ParsePrefix(s)
		if err != nil || p.Addr().Is4In6() { // addresses are compared in their IPv4 form, so the latter would match none
			errs = append(errs, fmt.Errorf("`trusted_proxies` has %q, which is no network such as 10.0.0.0/8 or ::1/128", s))
			continue
		}
		proxies = append(proxies, p.Masked())
	}
	return proxies, errors.Join(errs...)
}

// Client is the peer of the connection or, if that is a trusted proxy, the rightmost address in the lines of
// X-Forwarded-For that is none: each proxy appends whom it spoke to, and what stands left of a stranger's entry is the
// stranger's own invention. An entry that is no address ends the walk at the proxy that wrote it. The zero Addr means
// that the peer has none.
func (p Proxies) Client(peer netip.Addr, forwarded []string) netip.Addr {
	client := plain(peer)
	rest := strings.Join(forwarded, ",")
	for hops := 0; hops < maxHops && rest != "" && p.contain(client); hops++ {
		comma := strings.LastIndexByte(rest, ',')
		hop, ok := parse(strings.TrimSpace(rest[comma+1:]))
		if !ok {
			break
		}
		client, rest = hop, rest[:max(comma, 0)]
	}
	return client
}

func (p Proxies) contain(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(a) })
}

// parse reads "192.0.2.1", "2001:db8::1", the latter also in brackets, and each with a port, which some proxies add.
func parse(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return plain(a), err == nil
}

// plain makes one address of the forms that one caller may have: IPv4 in IPv6 becomes IPv4, a zone is left out.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
