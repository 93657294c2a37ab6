package sdkinstrumentation

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Defaults of [WithKeyVerification].
const (
	defaultRememberFor    = time.Second
	defaultVerifyTimeout  = 250 * time.Millisecond
	defaultKnownFor       = 5 * time.Minute
	defaultRememberedKeys = 10_000
)

// WithKeyVerification lets a request through only if Mirrorball says that its key is good and within its limits. url is the base
// URL of the analytics API, such as "https://usage.disco.example"; it is asked with the key of [WithAPIKey], which needs the scope
// keys:verify or telemetry:write_any. It works whether or not telemetry is switched off.
//
// An answer is remembered for a second. Calls that are let through from memory are counted, and told with the next question about
// the key: limits are kept, but for what several servers let through within that second. What a key has left bounds what is let
// through from memory.
//
// While Mirrorball is away, or slow, calls are let through by default, those of keys that it refused last apart: an API should not
// depend on its analytics. See [WithAway].
func WithKeyVerification(url string, opts ...VerificationOption) MiddlewareOption {
	return func(m *middleware) {
		v := &verification{
			question: question{url: strings.TrimRight(url, "/") + "/keys/verify", timeout: defaultVerifyTimeout},
			memory:   memory{most: defaultRememberedKeys, entries: map[holder]*entry{}},
			remember: defaultRememberFor, knownFor: defaultKnownFor, refuse: writeRefusal,
		}
		for _, o := range opts {
			if o != nil {
				o(v)
			}
		}
		m.verification = v
	}
}

// VerificationOption configures [WithKeyVerification].
type VerificationOption func(*verification)

// WithVerifyingKey sets the key that Mirrorball is asked with. Default: the one of [WithAPIKey].
func WithVerifyingKey(key string) VerificationOption {
	return func(v *verification) { v.question.key = key }
}

// WithRequiredEnvironment refuses keys of another environment than "live" or "sandbox". Default: both are good.
func WithRequiredEnvironment(environment string) VerificationOption {
	return func(v *verification) { v.question.environment = environment }
}

// WithRequiredScope refuses keys without a scope. Default: none is asked for.
func WithRequiredScope(scope string) VerificationOption {
	return func(v *verification) { v.question.scope = scope }
}

// WithUnverified names requests that need no key, such as those for a page of health.
func WithUnverified(is func(*http.Request) bool) VerificationOption {
	return func(v *verification) { v.unverified = is }
}

// WithRememberFor sets how long an answer is good for, at least 10 ms; a key that is revoked is let through for as long. Default: 1 s.
func WithRememberFor(d time.Duration) VerificationOption {
	return func(v *verification) { v.remember = max(d, 10*time.Millisecond) }
}

// WithRememberedKeys sets how many keys are remembered, each once for every address that it comes from. Default: 10,000, some 4 MB.
func WithRememberedKeys(n int) VerificationOption {
	return func(v *verification) { v.memory.most = max(1, n) }
}

// WithVerificationTimeout sets how long a call waits for the answer. Default: 250 ms.
func WithVerificationTimeout(d time.Duration) VerificationOption {
	return func(v *verification) { v.question.timeout = d }
}

// WithVerificationRoundTripper replaces the transport of the questions, for proxies and client certificates.
func WithVerificationRoundTripper(rt http.RoundTripper) VerificationOption {
	return func(v *verification) { v.question.transport = rt }
}

// WithVerificationErrors has every failure to ask Mirrorball told, at most once a second. Errors hold no key.
func WithVerificationErrors(tell func(error)) VerificationOption {
	return func(v *verification) { v.tell = tell }
}

// WithRefusal writes the answer to a refused call in place of a problem of RFC 9457. The headers Retry-After, RateLimit-Limit,
// RateLimit-Remaining, RateLimit-Reset and WWW-Authenticate are set before it is called.
func WithRefusal(write func(http.ResponseWriter, *http.Request, Refusal)) VerificationOption {
	return func(v *verification) { v.refuse = write }
}

// Away says what becomes of calls while Mirrorball cannot be asked.
type Away int

const (
	// AwayLetThrough lets all calls through, those of keys that were refused last apart, limits not counted among the reasons.
	AwayLetThrough Away = iota
	// AwayKnownOnly lets keys through that were good within the last five minutes; others get 503.
	AwayKnownOnly
	// AwayRefuse answers 503.
	AwayRefuse
)

// WithAway sets what becomes of calls while Mirrorball cannot be asked. Default: AwayLetThrough. Calls that are let through are
// counted, up to 9,999 of a key, once Mirrorball is back.
func WithAway(away Away) VerificationOption { return func(v *verification) { v.away = away } }

// VerifiedKey is what is known of the key of a request.
type VerifiedKey struct {
	KeyID          string
	UserID         string // empty for the platform's own keys
	OrganizationID string
	Environment    string // "live" or "sandbox"
	Scopes         []string
}

// Verified is the key of a request that [WithKeyVerification] let through; false if there was no verification, or Mirrorball was
// away and had never been asked about the key.
func Verified(ctx context.Context) (VerifiedKey, bool) {
	k, _ := ctx.Value(verifiedKey{}).(*VerifiedKey)
	if c, ok := ctx.Value(servedKey{}).(*served); ok && c.verified != nil {
		k = c.verified
	}
	if k == nil {
		return VerifiedKey{}, false
	}
	return *k, true
}

type verifiedKey struct{}

// verification is one guard of an API server.
type verification struct {
	question question
	memory   memory
	proxies  []netip.Prefix
	remember time.Duration
	knownFor time.Duration
	away     Away
	refuse   func(http.ResponseWriter, *http.Request, Refusal)
	tell     func(error)
	// unverified may be nil.
	unverified func(*http.Request) bool
}

// start completes what the options left open.
func (v *verification) start(in *Instrumentation, proxies []netip.Prefix) {
	v.proxies = proxies
	v.question.start(cmp.Or(v.question.key, in.identity.APIKey))
}

// guard puts the verification before a handler.
func (v *verification) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v.unverified != nil && v.unverified(r) {
			next.ServeHTTP(w, r)
			return
		}
		a := v.decide(r)
		if !a.good {
			a.writeHeaders(w.Header())
			v.refuse(w, r, a.refusal())
			return
		}
		next.ServeHTTP(w, a.attach(r))
	})
}

// attach makes the key known to [Verified]. The request that is being served stays the same one, for whoever reads its route.
func (a *answer) attach(r *http.Request) *http.Request {
	if a.verified == nil {
		return r
	}
	if c, ok := r.Context().Value(servedKey{}).(*served); ok {
		c.verified = a.verified
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), verifiedKey{}, a.verified))
}

// decide says whether a request may go on.
func (v *verification) decide(r *http.Request) *answer {
	key := presentedKey(first(r.Header, usageconv.HeaderAuthorization))
	if key == "" {
		return &answer{code: codeMissing}
	}
	return v.verify(r.Context(), key, clientAddress(r, v.proxies))
}
