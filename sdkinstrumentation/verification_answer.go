package sdkinstrumentation

import (
	"encoding/json"
	"net/http"
)

// Codes of POST /keys/verify that are told apart, and two of our own.
const (
	codeValid       = "valid"
	codeRateLimited = "rate_limited"
	codeOverQuota   = "over_quota"
	codeMissing     = "missing"
	codeAway        = "unavailable"
)

// limitHeaders are passed on from the answer to the call that it refuses.
var limitHeaders = [...]string{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", "Retry-After"}

// answer is what is known about the calls of a key. It does not change once made.
type answer struct {
	good     bool
	code     string
	keyID    string
	verified *VerifiedKey // nil unless good
	left     int64        // calls that limits leave
	headers  [len(limitHeaders)]string
}

func (a *answer) overLimit() bool { return a.code == codeRateLimited || a.code == codeOverQuota }

// Refusal is why a call is not let through.
type Refusal struct {
	// Status is 401, 403, 429 or 503.
	Status int
	// Code is that of Mirrorball (malformed, unknown, revoked, expired, environment, scope, address, rate_limited, over_quota), or
	// "missing" without a key, or "unavailable" while Mirrorball is away.
	Code string
	// KeyID is empty for what is no registered key.
	KeyID string
	// Detail says it in a sentence, for the caller. It does not tell why a key is not good.
	Detail string
}

func (a *answer) refusal() Refusal {
	r := Refusal{Status: http.StatusUnauthorized, Code: a.code, KeyID: a.keyID, Detail: "This takes a valid API key: send it as Authorization: Bearer dk_…"}
	switch a.code {
	case codeMissing, "malformed", "unknown", "revoked", "expired":
	case "environment":
		r.Status, r.Detail = http.StatusForbidden, "The API key is for another environment."
	case "address":
		r.Status, r.Detail = http.StatusForbidden, "The API key may not be used from this address."
	case codeRateLimited:
		r.Status, r.Detail = http.StatusTooManyRequests, "The API key has no calls left in this hour."
	case codeOverQuota:
		r.Status, r.Detail = http.StatusTooManyRequests, "The API key has no calls left in this month."
	case codeAway:
		r.Status, r.Detail = http.StatusServiceUnavailable, "The API key cannot be verified at the moment."
	default:
		r.Status, r.Detail = http.StatusForbidden, "The API key may not do this."
	}
	return r
}

func (a *answer) writeHeaders(h http.Header) {
	for i, name := range limitHeaders {
		if a.headers[i] != "" {
			h.Set(name, a.headers[i])
		}
	}
	switch a.refusal().Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
}

// writeRefusal writes a problem of RFC 9457 without a type of its own.
func writeRefusal(w http.ResponseWriter, _ *http.Request, r Refusal) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(r.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(r.Status), "status": r.Status, "detail": r.Detail,
	})
}
