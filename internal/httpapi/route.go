package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/access"
)

// register adds an operation, whom access.Rules lets in, whose errors all become problems. Parameters are checked by the
// handler, which knows better than a schema what is wrong with them.
func register[In, Out any](a *api, h huma.API, o huma.Operation, handle func(context.Context, *In) (*Out, error)) {
	if !a.secure(h, &o) {
		return
	}
	huma.Register(h, o, func(ctx context.Context, in *In) (*Out, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

// secure gives an operation what all have in common. It reports false, and has the API not start, when there is no rule for
// the operation: what nobody may call is not served.
func (a *api) secure(h huma.API, o *huma.Operation) bool {
	rule, ok := access.Rules[o.OperationID]
	if !ok {
		a.unruled = append(a.unruled, o.OperationID)
		return false
	}
	if o.Method == "" {
		o.Method = http.MethodGet
	}
	o.Errors = append(o.Errors, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	o.Security = []map[string][]string{{bearer: {}}}
	if rule.Public {
		o.Security = append([]map[string][]string{{}}, o.Security...)
	} else {
		o.Description += " The key needs " + rule.Needs() + "."
	}
	o.Middlewares = huma.Middlewares{a.authorize(rule)}
	if o.Method == http.MethodPost || o.Method == http.MethodPatch {
		o.Middlewares = append(huma.Middlewares{jsonOnly}, o.Middlewares...)
		o.Errors = append(o.Errors, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	o.SkipValidateParams = true
	o.MaxBodyBytes = maxBody + 1
	describeProblems(h, o)
	return true
}

// checkRules is an error when operations and rules are not the same.
func (a *api) checkRules(o *huma.OpenAPI) error {
	if len(a.unruled) > 0 {
		return fmt.Errorf("no rule says who may call %q", a.unruled)
	}
	var served []string
	for _, item := range o.Paths {
		for _, operation := range operationsOf(item) {
			served = append(served, operation.OperationID)
		}
	}
	for id := range access.Rules {
		if !slices.Contains(served, id) {
			return fmt.Errorf("the rule for %q is about no operation", id)
		}
	}
	return nil
}

// operationsOf are the operations of a path by their method.
func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
	}
	for method, o := range all {
		if o == nil {
			delete(all, method)
		}
	}
	return all
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
