package usageeventsreceiver

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/disco-platform/mirrorball/receiver/usageeventsreceiver/internal/metadata"
)

// handler answers requests with events.
type handler struct {
	next      consumer.Logs
	observed  *receiverhelper.ObsReport
	telemetry *metadata.TelemetryBuilder
	version   string
	inFlight  chan struct{}
}

// Why requests or events are refused, for the receiver's own metric.
const (
	refusedInvalid    = "invalid"
	refusedUnreadable = "unreadable"
	refusedTooLarge   = "too_large"
	refusedMediaType  = "media_type"
	refusedBusy       = "busy"
)

func (h *handler) routes(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != path:
			writeProblem(w, problem{Status: http.StatusNotFound, Detail: "events are taken at " + path})
		case r.Method == http.MethodPost:
			h.limited(w, r)
		case r.Method == http.MethodOptions:
			w.Header().Set("Allow", allowed)
			w.Header().Set("Accept-Post", acceptPost)
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", allowed)
			writeProblem(w, problem{Status: http.StatusMethodNotAllowed, Detail: "send events with POST"})
		}
	})
}

const allowed = "OPTIONS, POST"

// limited bounds how many bodies are in memory at once.
func (h *handler) limited(w http.ResponseWriter, r *http.Request) {
	select {
	case h.inFlight <- struct{}{}:
		defer func() { <-h.inFlight }()
		h.post(w, r)
	default:
		h.refused(r.Context(), refusedBusy, 1)
		writeLater(w, http.StatusServiceUnavailable, time.Second, "too many requests are under way")
	}
}

func (h *handler) post(w http.ResponseWriter, r *http.Request) {
	decode := decoderFor(r.Header)
	if decode == nil {
		h.refused(r.Context(), refusedMediaType, 1)
		w.Header().Set("Accept-Post", acceptPost)
		writeProblem(w, problem{Status: http.StatusUnsupportedMediaType, Detail: "send " + acceptPost + ", or binary mode with ce- headers; in UTF-8"})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.unread(w, r, err)
		return
	}
	decoded, err := decode(r.Header, body)
	if errors.Is(err, errTooMany) {
		h.refused(r.Context(), refusedTooLarge, 1)
		writeProblem(w, problem{Status: http.StatusRequestEntityTooLarge, Detail: err.Error()})
		return
	}
	if err != nil {
		h.refused(r.Context(), refusedUnreadable, 1)
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: err.Error()})
		return
	}
	h.deliver(w, r, decoded)
}

func (h *handler) unread(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		h.refused(r.Context(), refusedTooLarge, 1)
		writeProblem(w, problem{Status: http.StatusRequestEntityTooLarge, Detail: "the body, decompressed, may have " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes"})
		return
	}
	if s, ok := status.FromError(err); ok { // a middleware of the server has refused the request
		h.turnedAway(w, r, s)
		return
	}
	h.refused(r.Context(), refusedUnreadable, 1)
	writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "the body cannot be read: it is cut off, came too slowly, or is not what Content-Encoding says"})
}

// turnedAway answers for a middleware such as request_limits, which says so with a status when the body is read.
func (h *handler) turnedAway(w http.ResponseWriter, r *http.Request, s *status.Status) {
	switch s.Code() {
	case codes.ResourceExhausted:
		h.refused(r.Context(), refusedBusy, 1)
		writeLater(w, http.StatusTooManyRequests, retryDelay(s.Err()), s.Message())
	case codes.Unavailable:
		h.refused(r.Context(), refusedBusy, 1)
		writeLater(w, http.StatusServiceUnavailable, retryDelay(s.Err()), s.Message())
	default:
		h.refused(r.Context(), refusedUnreadable, 1)
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: s.Message()})
	}
}

// deliver hands the good events on and answers once they are stored, which is when the pipeline returns.
func (h *handler) deliver(w http.ResponseWriter, r *http.Request, d decoded) {
	ctx := r.Context()
	h.refused(ctx, refusedInvalid, len(d.rejected))
	if len(d.events) == 0 && len(d.rejected) > 0 {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "no event could be accepted", Rejected: d.rejected})
		return
	}
	if len(d.events) > 0 {
		ctx = h.observed.StartLogsOp(ctx)
		err := h.next.ConsumeLogs(ctx, toLogs(d.events, h.version))
		h.observed.EndLogsOp(ctx, "cloudevents", len(d.events), err)
		if err != nil {
			writeFailure(w, err)
			return
		}
	}
	writeJSON(w, http.StatusAccepted, "application/json", receipt{Accepted: len(d.events), Rejected: d.rejected})
}

func (h *handler) refused(ctx context.Context, reason string, n int) {
	if n > 0 {
		h.telemetry.ReceiverUsageEventsRefused.Add(ctx, int64(n), metric.WithAttributes(attribute.String("reason", reason)))
	}
}

// writeFailure answers for a pipeline that did not take the events. None of them is stored, the sender may repeat the
// request as it is. A permanent error is the sender's to look at: 4xx, which no client repeats by itself.
func writeFailure(w http.ResponseWriter, err error) {
	if !consumererror.IsPermanent(err) {
		writeLater(w, http.StatusServiceUnavailable, retryDelay(err), "the events cannot be stored at the moment; send them again")
		return
	}
	p := problem{Status: http.StatusBadRequest, Detail: "the events cannot be stored, and sending them again would not help"}
	if s, ok := status.FromError(err); ok {
		switch s.Code() {
		case codes.Unauthenticated:
			p = problem{Status: http.StatusUnauthorized, Detail: "the API key is missing or not valid"}
		case codes.PermissionDenied:
			p = problem{Status: http.StatusForbidden, Detail: "the API key may not send events"}
		}
	}
	writeProblem(w, p)
}

// retryDelay is when to come back, as the component that failed says.
func retryDelay(err error) time.Duration {
	if s, ok := status.FromError(err); ok {
		for _, detail := range s.Details() {
			if info, ok := detail.(*errdetails.RetryInfo); ok {
				return info.GetRetryDelay().AsDuration()
			}
		}
	}
	return time.Second
}

func writeLater(w http.ResponseWriter, code int, delay time.Duration, detail string) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(delay.Seconds())))))
	writeProblem(w, problem{Status: code, Detail: detail})
}
