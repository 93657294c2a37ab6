package usageeventsreceiver

import (
	"encoding/json"
	"net/http"
)

// receipt is the answer to a request of which something was stored.
type receipt struct {
	// Accepted events are committed, or were before: a repeated event changes nothing.
	Accepted int         `json:"accepted"`
	Rejected []rejection `json:"rejected,omitempty"`
}

// rejection says which event of a request was refused, and why.
type rejection struct {
	// Index counts from 0 in the order of the request.
	Index  int    `json:"index"`
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason"`
}

// problem is an error in the form of RFC 9457.
type problem struct {
	Type     string      `json:"type"`
	Title    string      `json:"title"`
	Status   int         `json:"status"`
	Detail   string      `json:"detail,omitempty"`
	Rejected []rejection `json:"rejected,omitempty"`
}

func writeProblem(w http.ResponseWriter, p problem) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	writeJSON(w, p.Status, "application/problem+json", p)
}

func writeJSON(w http.ResponseWriter, status int, mediaType string, body any) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error here means that the sender went away
}

// serverError answers for what happens before the handler: a refused key, a Content-Encoding that is not taken.
func serverError(w http.ResponseWriter, _ *http.Request, message string, status int) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeProblem(w, problem{Status: status, Detail: message})
}
