package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Problem is the body of every error (RFC 9457).
type Problem struct {
	Type   string   `json:"type" format:"uri" doc:"Names the kind of problem; it never changes." example:"https://github.com/disco-platform/mirrorball/blob/main/docs/problems.md#invalid-request"`
	Title  string   `json:"title" doc:"The kind in words." example:"The request is not valid"`
	Status int      `json:"status" doc:"The HTTP status." example:"400"`
	Detail string   `json:"detail,omitempty" doc:"What is wrong here and how to mend it."`
	Errors []Detail `json:"errors,omitempty" doc:"One entry to each part of the request that is wrong."`

	retryAfter int // seconds; 0: none
}

// Types that the OpenAPI document refers to by hand.
var (
	problemType = reflect.TypeFor[Problem]()
	usageType   = reflect.TypeFor[Usage]()
)

// Detail says what is wrong with one part of a request.
type Detail struct {
	Location string `json:"location" doc:"The part: query.NAME, body.NAME or header.NAME." example:"query.granularity"`
	Message  string `json:"message" doc:"What is wrong and how to mend it." example:"must be one of hourly, daily, weekly, monthly"`
}

// kind is a kind of problem.
type kind struct {
	name, title string
	status      int
}

const problemsPage = "https://github.com/disco-platform/mirrorball/blob/main/docs/problems.md#"

// The kinds of problems; docs/problems.md has a section for each.
var (
	kindInvalid         = kind{"invalid-request", "The request is not valid", http.StatusBadRequest}
	kindUnauthenticated = kind{"unauthenticated", "A valid API key is required", http.StatusUnauthorized}
	kindForbidden       = kind{"forbidden", "The key may not do this", http.StatusForbidden}
	kindAddress         = kind{"address-not-allowed", "The key may not be used from this address", http.StatusForbidden}
	kindClosed          = kind{"registration-closed", "Registration is not open to everybody", http.StatusForbidden}
	kindNotFound        = kind{"not-found", "There is no such thing", http.StatusNotFound}
	kindMethod          = kind{"method-not-allowed", "The path does not have this method", http.StatusMethodNotAllowed}
	kindConflict        = kind{"conflict", "The state of things does not allow this", http.StatusConflict}
	kindSlow            = kind{"request-timeout", "The request took too long to arrive", http.StatusRequestTimeout}
	kindTooLarge        = kind{"too-large", "The request is too large", http.StatusRequestEntityTooLarge}
	kindMediaType       = kind{"unsupported-media-type", "The body's media type is not supported", http.StatusUnsupportedMediaType}
	kindTooMany         = kind{"too-many-requests", "Too many requests", http.StatusTooManyRequests}
	kindRate            = kind{"rate-limited", "The key has made its requests of this hour", http.StatusTooManyRequests}
	kindInternal        = kind{"internal-error", "The request could not be answered", http.StatusInternalServerError}
	kindUnavailable     = kind{"unavailable", "The service cannot answer at the moment", http.StatusServiceUnavailable}

	kinds = []kind{
		kindInvalid, kindUnauthenticated, kindForbidden, kindAddress, kindClosed, kindNotFound, kindMethod, kindConflict, kindSlow,
		kindTooLarge, kindMediaType, kindTooMany, kindRate, kindInternal, kindUnavailable,
	}
)

func newProblem(k kind, detail string, errs ...Detail) *Problem {
	p := &Problem{Type: problemsPage + k.name, Title: k.title, Status: k.status, Detail: detail, Errors: errs}
	if k == kindUnavailable {
		p.retryAfter = 1
	}
	return p
}

// problemOf is the one table from errors to problems. What it does not know is internal, and not shown.
func problemOf(err error) *Problem {
	var p *Problem
	var conflict *accounts.ConflictError
	var forbidden *accounts.ForbiddenError
	switch details := detailsOf(err); {
	case errors.As(err, &p):
		return p
	case errors.As(err, &forbidden):
		return newProblem(kindForbidden, forbidden.Message)
	case errors.As(err, &conflict):
		return newProblem(kindConflict, conflict.Message)
	case len(details) > 0:
		return newProblem(kindInvalid, join(details), details...)
	case errors.Is(err, accounts.ErrNotFound), errors.Is(err, analytics.ErrNoSubject):
		return newProblem(kindNotFound, "there is no user, organisation, key or invitation with this id, or it is not yours to see")
	case errors.Is(err, accounts.ErrBadToken):
		return newProblem(kindInvalid, "token is unknown, used up or out of date, or was meant for another address", Detail{"body.token", "is unknown, used up or out of date, or was meant for another address"})
	case errors.Is(err, apikey.ErrUnavailable):
		return newProblem(kindUnavailable, "API keys cannot be checked at the moment; try again")
	case errors.Is(err, apikey.ErrMalformed), errors.Is(err, apikey.ErrUnknown), errors.Is(err, apikey.ErrRevoked), errors.Is(err, apikey.ErrExpired):
		return newProblem(kindUnauthenticated, "the API key is malformed, unknown, revoked or expired")
	case errors.Is(err, analytics.ErrUnavailable), errors.Is(err, accounts.ErrUnavailable):
		return newProblem(kindUnavailable, "the database cannot be asked at the moment; try again")
	}
	return newProblem(kindInternal, "")
}

// detailsOf collects the errors about single parts of a request.
func detailsOf(err error) []Detail {
	switch e := err.(type) {
	case *analytics.ParameterError:
		return []Detail{{"query." + e.Parameter, e.Message}}
	case *accounts.FieldError:
		return []Detail{{"body." + e.Field, e.Message}}
	case interface{ Unwrap() []error }:
		var all []Detail
		for _, part := range e.Unwrap() {
			all = append(all, detailsOf(part)...)
		}
		return all
	}
	if inner := errors.Unwrap(err); inner != nil {
		return detailsOf(inner)
	}
	return nil
}

func join(details []Detail) string {
	var b strings.Builder
	for i, d := range details {
		if i > 0 {
			b.WriteString("; ")
		}
		_, name, _ := strings.Cut(d.Location, ".")
		b.WriteString(name + " " + d.Message)
	}
	return b.String()
}

// Error, GetStatus, GetHeaders and ContentType are what huma asks of an error.

func (p *Problem) Error() string             { return p.Title + ": " + p.Detail }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders are the headers that belong to the status.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="mirrorball"`)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	return h
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// huma makes errors of its own, for bodies that do not fit their schema; their form, and how it reads names, are global settings.
func init() {
	huma.ValidateStrictCasing = true // a name in other letters would pass the schema, and then be ignored
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		k := kindInvalid
		for _, known := range kinds {
			if known.status == status {
				k = known
			}
		}
		if status >= http.StatusInternalServerError {
			return newProblem(k, "") // what went wrong inside is nobody's business
		}
		var details []Detail
		for _, err := range errs[:min(len(errs), maxDetails)] {
			if d, ok := err.(huma.ErrorDetailer); ok {
				details = append(details, Detail{shorten(d.ErrorDetail().Location), shorten(d.ErrorDetail().Message)})
			}
		}
		if len(details) > 0 {
			message = join(details)
		}
		return newProblem(k, message, details...)
	}
}
