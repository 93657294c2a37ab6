package requestlimitsextension

import (
	"net"
	"net/netip"
	"slices"

	"go.opentelemetry.io/collector/client"

	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
)

// caller returns who calls, and how many places they may have. Whoever has been authenticated is their key, whatever the
// address; others are their address.
func (l *limits) caller(info client.Info) (name string, share int) {
	share = l.cfg.MaxInFlightPerCaller
	if info.Auth == nil {
		return addressOf(info.Addr), share
	}
	if key, _ := info.Auth.GetAttribute(keyauth.APIKeyID).(string); key != "" {
		scopes, _ := info.Auth.GetAttribute(keyauth.APIKeyScopes).([]string)
		if slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(l.cfg.UnsharedScopes, s) }) {
			share = l.cfg.MaxInFlight
		}
		return "key " + key, share
	}
	if behindProxies, _ := info.Auth.GetAttribute(keyauth.ClientAddress).(string); behindProxies != "" {
		if a, err := netip.ParseAddr(behindProxies); err == nil {
			return networkOf(a), share
		}
	}
	return addressOf(info.Addr), share
}

// addressOf reads what confighttp (*net.IPAddr) and gRPC (*net.TCPAddr) know of a peer. Peers of other kinds, such as
// those of a Unix socket, are one caller.
func addressOf(peer net.Addr) string {
	var ip net.IP
	switch p := peer.(type) {
	case *net.IPAddr:
		ip = p.IP
	case *net.TCPAddr:
		ip = p.IP
	}
	a, _ := netip.AddrFromSlice(ip)
	return networkOf(a.Unmap())
}

// networkOf is the address of an IPv4 caller and the /64 of an IPv6 caller, who has all of that to choose from.
func networkOf(a netip.Addr) string {
	if a.Is6() {
		network, _ := a.Prefix(64)
		return network.String()
	}
	return a.String()
}
