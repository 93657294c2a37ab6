package httpapi

import (
	"context"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

type clientKey struct{}

func clientOf(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(clientKey{}).(netip.Addr)
	return addr
}

// withClient passes the caller's address to the handler.
func withClient(a *api) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		peer, _ := netip.ParseAddrPort(r.RemoteAddr) // a peer on a Unix socket has no address
		next(huma.WithValue(ctx, clientKey{}, a.TrustedProxies.Client(peer.Addr(), r.Header["X-Forwarded-For"])))
	}
}
