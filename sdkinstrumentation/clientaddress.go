package sdkinstrumentation

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how far X-Forwarded-For is walked. No sane chain of proxies is longer.
const maxHops = 32

const headerForwardedFor = "X-Forwarded-For"

// clientAddress is the address of the client, "" if there is none. X-Forwarded-For is read from the right, where our own
// side wrote, for as long as the one who wrote the entry is trusted; anybody can write anything further left.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	peer, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return ""
	}
	if len(trusted) == 0 || !isTrusted(peer, trusted) {
		return peer.String()
	}
	client := peer
	for hop := range hops(r.Header[headerForwardedFor]) {
		addr, ok := parseAddress(hop)
		if !ok {
			break // a trusted proxy wrote rubbish: what is left of it is not to be believed
		}
		client = addr
		if !isTrusted(addr, trusted) {
			break
		}
	}
	return client.String()
}

// hops yields the entries of all header lines from right to left.
func hops(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		left := maxHops
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; left-- {
				if left == 0 {
					return
				}
				var entry string
				comma := strings.LastIndexByte(rest, ',')
				if more = comma >= 0; more {
					rest, entry = rest[:comma], rest[comma+1:]
				} else {
					entry = rest
				}
				if !yield(strings.TrimSpace(entry)) {
					return
				}
			}
		}
	}
}

// parseAddress reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1" and "[2001:db8::1]:80". Zones are left out and
// IPv4 in IPv6 becomes IPv4, so that one client has one address.
func parseAddress(s string) (netip.Addr, bool) {
	if len(s) > 64 {
		return netip.Addr{}, false
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
