package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// bearer is the name of the security scheme in the OpenAPI document.
const bearer = "api_key"

type identityKey struct{}

// callerOf is whose key the request carries; nil without a key, which only a route that allows it gets to see.
func callerOf(ctx context.Context) *apikey.Identity {
	id, _ := ctx.Value(identityKey{}).(*apikey.Identity)
	return id
}

// authenticate lets a request pass whose key is good and holds one of the scopes, or any good key if none is named. A
// request without a key passes only if optional.
func (a *api) authenticate(optional bool, scopes ...string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		id, err := a.caller(ctx)
		switch {
		case err != nil:
			a.refuse(ctx, err)
		case id == nil && !optional:
			a.refuse(ctx, newProblem(kindUnauthenticated, "send an API key as Authorization: Bearer dk_…"))
		case id != nil && !hasAny(id, scopes):
			a.refuse(ctx, newProblem(kindForbidden, "the key needs the scope "+strings.Join(scopes, " or ")))
		default:
			next(huma.WithValue(ctx, identityKey{}, id))
		}
	}
}

// caller is nil when the request has no Authorization header at all.
func (a *api) caller(ctx huma.Context) (*apikey.Identity, error) {
	var headers []string
	ctx.EachHeader(func(name, value string) {
		if http.CanonicalHeaderKey(name) == "Authorization" {
			headers = append(headers, value)
		}
	})
	if len(headers) == 0 {
		return nil, nil
	}
	scheme, key, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return nil, newProblem(kindUnauthenticated, "send one API key as Authorization: Bearer dk_…")
	}
	return a.Keys.VerifyFresh(ctx.Context(), strings.TrimSpace(key))
}

func hasAny(id *apikey.Identity, scopes []string) bool {
	for _, scope := range scopes {
		if id.Has(scope) {
			return true
		}
	}
	return len(scopes) == 0
}

// refuse ends a request before its handler.
func (a *api) refuse(ctx huma.Context, err error) {
	p := a.problem(ctx.Context(), err)
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	_ = strictJSON.Marshal(ctx.BodyWriter(), p)
}
