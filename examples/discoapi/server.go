package discoapi

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

// Config says what a server needs. Keys is required, the rest has defaults.
type Config struct {
	// Keys says whether an API key is known. Keys that are not get 401.
	Keys func(raw string) bool
	// Instrumentation reports each call; nil reports nothing.
	Instrumentation *sdkinstrumentation.Instrumentation
	// TrustedProxies may say in X-Forwarded-For who the caller is.
	TrustedProxies []netip.Prefix
	// VerifyAt is the base URL of Mirrorball's analytics API, which is then asked whether a call's key is good and within its limits;
	// empty: it is not. Keys is asked besides.
	VerifyAt string

	// Now is the time of a call; by default the clock of the machine.
	Now func(context.Context) time.Time
	// Work is called once in each call and takes as long as the work it stands for; by default no time.
	Work func(ctx context.Context, operation string)
	// Fault breaks a call on purpose: 500 and 503 are what it may return, 0 leaves the call alone.
	Fault func(ctx context.Context) int
}

// New is the API as a handler.
func New(cfg Config) http.Handler {
	if cfg.Now == nil {
		cfg.Now = func(context.Context) time.Time { return time.Now() }
	}
	if cfg.Work == nil {
		cfg.Work = func(context.Context, string) {}
	}
	if cfg.Fault == nil {
		cfg.Fault = func(context.Context) int { return 0 }
	}
	s := &server{cfg: cfg, accounts: accounts{byID: map[string]*account{}}}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments", s.handle("payments.create", (*call).createPayment))
	mux.HandleFunc("GET /payments", s.handle("payments.list", (*call).listPayments))
	mux.HandleFunc("GET /payments/{id}", s.handle("payments.get", (*call).getPayment))
	mux.HandleFunc("POST /payments/{id}/refund", s.handle("payments.refund", (*call).refundPayment))
	mux.HandleFunc("POST /agents", s.handle("agents.create", (*call).createAgent))
	mux.HandleFunc("GET /agents", s.handle("agents.list", (*call).listAgents))
	mux.HandleFunc("POST /services", s.handle("services.create", (*call).createService))
	mux.HandleFunc("GET /services", s.handle("services.list", (*call).listServices))
	mux.HandleFunc("POST /collaborations", s.handle("agents.collaborate", (*call).collaborate))
	if cfg.Instrumentation == nil {
		return mux
	}
	return instrument(cfg, mux)
}

type server struct {
	cfg      Config
	accounts accounts
}

// handle wraps what each call has in common around a handler.
func (s *server) handle(operation string, h func(*call) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{server: s, request: r, operation: operation}
		c.annotateOperation()
		s.cfg.Work(r.Context(), operation)
		status, body, err := c.serve(h)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, status, body)
	}
}

// serve checks the caller, then calls the handler.
func (c *call) serve(h func(*call) (int, any, error)) (int, any, error) {
	key, ok := strings.CutPrefix(c.request.Header.Get("Authorization"), "Bearer ")
	if !ok || !c.server.cfg.Keys(key) {
		return 0, nil, errUnauthorized
	}
	c.account = c.server.accounts.of(key)
	if !c.account.limiter.AllowN(c.now(), 1) {
		return 0, nil, errRateLimited
	}
	switch c.server.cfg.Fault(c.request.Context()) {
	case 0:
		return h(c)
	case http.StatusServiceUnavailable:
		return 0, nil, errUnavailable
	default:
		return 0, nil, errInternal
	}
}
