package discoapi

import (
	"net/http"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

// instrument puts the middleware around the router, whose patterns become the names of the endpoints.
func instrument(cfg Config, mux *http.ServeMux) http.Handler {
	options := []sdkinstrumentation.MiddlewareOption{sdkinstrumentation.WithTrustedProxies(cfg.TrustedProxies...)}
	if cfg.VerifyAt != "" {
		options = append(options, sdkinstrumentation.WithKeyVerification(cfg.VerifyAt))
	}
	return cfg.Instrumentation.Middleware(options...)(mux)
}

func (c *call) annotateOperation() {
	sdkinstrumentation.Annotate(c.request.Context(), sdkinstrumentation.WithOperationName(c.operation))
}

// annotatePayment states what the payment was, once it is made: only the platform's word counts as revenue.
func (c *call) annotatePayment(p *payment) {
	sdkinstrumentation.Annotate(c.request.Context(), sdkinstrumentation.WithPayment(p.Amount, p.Currency, p.Fee))
}

// annotateParties states who acts and what is used; it reports whether the ids are of a plausible length.
func (c *call) annotateParties(agentID, serviceID string) bool {
	if len(agentID) > maxIDBytes || len(serviceID) > maxIDBytes {
		return false
	}
	if agentID != "" {
		sdkinstrumentation.Annotate(c.request.Context(), sdkinstrumentation.WithAgent(agentID))
	}
	if serviceID != "" {
		sdkinstrumentation.Annotate(c.request.Context(), sdkinstrumentation.WithService(serviceID))
	}
	return true
}
