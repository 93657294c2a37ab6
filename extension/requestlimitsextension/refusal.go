package requestlimitsextension

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Why calls are refused, for the metric.
const (
	reasonBusy       = "busy"
	reasonShare      = "share"
	reasonTooDeep    = "too_deep"
	reasonTooMany    = "too_many_elements"
	reasonTooLarge   = "too_large"
	reasonUnreadable = "unreadable"
)

// refusal is how a call is refused, over HTTP and over gRPC.
type refusal struct {
	reason string
	status int   // of HTTP
	err    error // with a gRPC status, which receivers of OTLP turn into an answer
}

// retryAfter is when to come back: calls take a fraction of a second.
const retryAfter = time.Second

func (r *refusal) retryable() bool {
	return r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable
}

// refusalsFor are the refusals by their reason.
func refusalsFor(cfg *Config) map[string]*refusal {
	all := map[string]*refusal{}
	add := func(reason string, httpStatus int, code codes.Code, format string, args ...any) {
		s := status.New(code, fmt.Sprintf(format, args...))
		r := &refusal{reason: reason, status: httpStatus}
		if r.retryable() {
			if detailed, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)}); err == nil {
				s = detailed
			}
		}
		r.err = s.Err()
		all[reason] = r
	}
	add(reasonBusy, http.StatusServiceUnavailable, codes.Unavailable, "too many calls are under way; send this one again")
	add(reasonShare, http.StatusTooManyRequests, codes.ResourceExhausted, "too many calls of this API key or address are under way; send this one again")
	add(reasonTooDeep, http.StatusBadRequest, codes.InvalidArgument, "values may nest %d deep (max_depth)", cfg.MaxDepth)
	add(reasonTooMany, http.StatusBadRequest, codes.InvalidArgument,
		"a body may have %d records, attributes and other elements (max_elements); send it in parts", cfg.MaxElements)
	add(reasonTooLarge, http.StatusRequestEntityTooLarge, codes.InvalidArgument, "the body is too large; send it in parts")
	add(reasonUnreadable, http.StatusBadRequest, codes.InvalidArgument, "the body is no OTLP of the kind that its path says")
	return all
}

// refused counts a refusal and returns it.
func (l *limits) refused(reason string) *refusal {
	l.telemetry.ExtensionRequestLimitsRefusedCalls.Add(context.Background(), 1, metric.WithAttributes(attribute.String("reason", reason)))
	return l.refusals[reason]
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, errTooDeep):
		return reasonTooDeep
	case errors.Is(err, errTooMany):
		return reasonTooMany
	}
	return reasonUnreadable
}
