package demo

import (
	"context"
	"net/http"
	"net/netip"
)

type callerKey struct{}

func withCaller(ctx context.Context, a netip.Addr) context.Context {
	return context.WithValue(ctx, callerKey{}, a)
}

// fromCaller is the proxy that a customer's request passes on its way: it says where the request came from.
type fromCaller struct{ base http.RoundTripper }

func (t fromCaller) RoundTrip(req *http.Request) (*http.Response, error) {
	if a, ok := req.Context().Value(callerKey{}).(netip.Addr); ok {
		req = req.Clone(req.Context())
		req.Header.Set("X-Forwarded-For", a.String())
	}
	return t.base.RoundTrip(req)
}
