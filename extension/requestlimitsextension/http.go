package requestlimitsextension

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

// GetHTTPHandler wraps the handler of a server. confighttp runs it behind authentication and decompression: the caller
// is known, nothing has been read of the body, and what is read is as it will be decoded.
//
// A call that is refused goes on to the handler with a body that cannot be read, so that each receiver answers in its
// own form; only the status is seen to here.
func (l *limits) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b := &body{ReadCloser: r.Body, limits: l}
			caller, share := l.caller(client.FromContext(r.Context()))
			if b.refusal = l.take(caller, share); b.refusal == nil {
				defer l.give(caller)
				b.expect(r)
			}
			r.Body = b
			next.ServeHTTP(&answer{ResponseWriter: w, body: b}, r)
		}), nil
	}, nil
}

// body is a request's body that is checked while it is read. It cannot be read once the call is refused.
type body struct {
	io.ReadCloser
	limits  *limits
	check   func([]byte) error
	refusal *refusal

	proto walk
	json  jsonWalk
}

// expect says what the body ought to be. Bodies that are neither kind of OTLP are their receiver's to check.
func (b *body) expect(r *http.Request) {
	cfg := b.limits.cfg
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "application/json":
		b.json.begin(cfg.MaxDepth, cfg.MaxElements)
		b.check = b.json.check
	case "application/x-protobuf":
		root, known := rootOf(r.URL.Path)
		b.check = b.proto.check
		if !known { // not a path of OTLP, or one with a name of its own: then nothing says what to check for
			b.check = func([]byte) error { return errMalformed }
		}
		b.proto.begin(root, cfg.MaxDepth, cfg.MaxElements)
	}
}

// rootOf says which message the path of a receiver takes, such as /v1/traces.
func rootOf(path string) (message, bool) {
	switch path[strings.LastIndexByte(path, '/')+1:] {
	case "traces":
		return tracesRequest, true
	case "logs":
		return logsRequest, true
	case "metrics":
		return metricsRequest, true
	}
	return scalar, false
}

func (b *body) Read(p []byte) (int, error) {
	if b.refusal != nil {
		return 0, b.refusal.err
	}
	n, err := b.ReadCloser.Read(p)
	if b.check != nil {
		if problem := b.check(p[:n]); problem != nil {
			b.refusal = b.limits.refused(reasonOf(problem))
			// A sender who is still sending when the connection is closed sees no answer, and would repeat the body.
			_, _ = io.Copy(io.Discard, b.ReadCloser)
			return 0, b.refusal.err
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		b.refusal = b.limits.refused(reasonTooLarge)
	}
	return n, err
}

// answer gives the answer to a refused call its status.
type answer struct {
	http.ResponseWriter
	body *body
}

func (a *answer) WriteHeader(status int) {
	if r := a.body.refusal; r != nil && status >= http.StatusBadRequest {
		status = r.status
		if r.retryable() {
			a.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
