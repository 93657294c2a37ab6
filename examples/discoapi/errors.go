package discoapi

import (
	"encoding/json"
	"errors"
	"net/http"
)

// apiError is an answer other than success.
type apiError struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return e.Message }

func badRequest(message string) error {
	return &apiError{http.StatusBadRequest, "invalid_request", message}
}

func notFound(what string) error {
	return &apiError{http.StatusNotFound, "not_found", what + " does not exist"}
}

var (
	errUnauthorized = &apiError{http.StatusUnauthorized, "unauthorized", "send a known API key as Authorization: Bearer dk_…"}
	errInsufficient = &apiError{http.StatusPaymentRequired, "insufficient_funds", "the amount is more than the account holds"}
	errRateLimited  = &apiError{http.StatusTooManyRequests, "rate_limited", "too many requests; wait a second"}
	errInternal     = &apiError{http.StatusInternalServerError, "internal", "something went wrong on our side; try again"}
	errUnavailable  = &apiError{http.StatusServiceUnavailable, "unavailable", "the payment network does not answer; try again"}
)

func writeError(w http.ResponseWriter, err error) {
	var e *apiError
	if !errors.As(err, &e) {
		e = errInternal
	}
	if e.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, e.status, map[string]any{"error": e})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone; nobody is left to tell
}
