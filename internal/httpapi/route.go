package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// readScopes let a key ask about usage.
var readScopes = []string{apikey.ScopeUsageRead, apikey.ScopeAdmin}

// register adds a route whose errors all become problems. Parameters are checked by the handler, which knows better than
// a schema what is wrong with them.
func register[In, Out any](a *api, h huma.API, o huma.Operation, handle func(context.Context, *In) (*Out, error)) {
	o.SkipValidateParams = true
	o.MaxBodyBytes = maxBody + 1
	describeProblems(h, &o)
	huma.Register(h, o, func(ctx context.Context, in *In) (*Out, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// secured is what the operations have in common that need a key.
func secured(o huma.Operation, middleware func(huma.Context, func(huma.Context))) huma.Operation {
	o.Method = http.MethodGet
	o.Security = []map[string][]string{{bearer: {}}}
	o.Middlewares = huma.Middlewares{middleware}
	o.Errors = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable}
	return o
}

// problem turns an error into its problem. What the caller is not told goes to the log.
func (a *api) problem(ctx context.Context, err error) *Problem {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError && ctx.Err() == nil {
		a.Log.Error("cannot answer a request", zap.Error(err))
	}
	return p
}

// describeProblems documents the statuses in o.Errors. Were they left there, huma would add 422, which is never sent.
func describeProblems(h huma.API, o *huma.Operation) {
	schema := h.OpenAPI().Components.Schemas.Schema(problemType, true, "Problem")
	o.Responses = map[string]*huma.Response{}
	for _, status := range append(o.Errors, http.StatusInternalServerError) {
		o.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
	o.Errors = nil
}
