package apikeyauthextension

import (
	"net"
	"net/netip"
	"strings"
)

// presentedKey takes the key from "Authorization: Bearer …" or from X-API-Key. Something that is there twice, and
// differently, is not taken at all: who checks one and who uses the other must not disagree.
func presentedKey(sources map[string][]string) (string, bool) {
	if value, ok := only(header(sources, "Authorization", "authorization")); ok {
		scheme, token, found := strings.Cut(value, " ")
		if found && strings.EqualFold(scheme, "bearer") {
			return strings.TrimSpace(token), true
		}
	}
	value, ok := only(header(sources, "X-Api-Key", "x-api-key"))
	return strings.TrimSpace(value), ok
}

// header looks a header up in HTTP's form and in that of gRPC metadata.
func header(sources map[string][]string, canonical, lower string) []string {
	if values, ok := sources[canonical]; ok {
		return values
	}
	return sources[lower]
}

func only(values []string) (string, bool) {
	if len(values) == 0 || values[0] == "" {
		return "", false
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return "", false
		}
	}
	return values[0], true
}

// addressOf reads what confighttp (*net.IPAddr) and configgrpc (*net.TCPAddr) know of a peer.
func addressOf(peer net.Addr) netip.Addr {
	var ip net.IP
	switch p := peer.(type) {
	case *net.IPAddr:
		ip = p.IP
	case *net.TCPAddr:
		ip = p.IP
	}
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
