package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Reasons why telemetry is dropped.
const (
	reasonQueueFull    = "queue_full"
	reasonShutdown     = "shutdown"
	reasonUnauthorized = "unauthorized" // 401, 403: the key is not accepted
	reasonRejected     = "rejected"     // another answer that a retry would not change
	reasonPartial      = "partially_rejected"
	reasonUnavailable  = "unavailable" // 5xx, 429, until the retries were used up
	reasonUnreachable  = "unreachable" // no answer at all
)

var errPanic = errors.New("export panicked")

// attempts notes how the requests of one export went, so that a drop gets a true reason: the exporters' errors are text only.
type attempts struct {
	mu       sync.Mutex
	status   int   // of the last answer
	failed   bool  // the last request got no answer
	rejected int64 // items that the collector refused of an export that it took
}

type attemptsKey struct{}

func withAttempts(ctx context.Context, a *attempts) context.Context {
	return context.WithValue(ctx, attemptsKey{}, a)
}

func (a *attempts) note(status int, failed bool, rejected int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.failed, a.rejected = status, failed, rejected
}

func (a *attempts) reason() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.failed:
		return reasonUnreachable
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return reasonUnauthorized
	case a.status == http.StatusTooManyRequests, a.status >= 500:
		return reasonUnavailable
	case a.status >= 300:
		return reasonRejected
	}
	return reasonShutdown
}

// delivery sends the requests of all three exporters.
type delivery struct {
	authorization string
	base          http.RoundTripper
	own           *http.Transport // nil if base is the caller's
	timeout       time.Duration
}

func newDelivery(apiKey string, base http.RoundTripper, timeout time.Duration) *delivery {
	d := &delivery{base: base, timeout: timeout}
	if apiKey != "" {
		d.authorization = "Bearer " + apiKey
	}
	if base == nil {
		d.own = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     tlsFromEnvironment(),
			TLSHandshakeTimeout: timeout,
			MaxConnsPerHost:     3, // one for each signal
			MaxIdleConnsPerHost: 3,
			IdleConnTimeout:     time.Minute,
			ForceAttemptHTTP2:   true,
		}
		d.base = d.own
	}
	return d
}

// client does not follow redirects: the key goes to the collector and to nobody else.
func (d *delivery) client() *http.Client {
	return &http.Client{
		Transport:     d,
		Timeout:       d.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (d *delivery) close() {
	if d.own != nil {
		d.own.CloseIdleConnections()
	}
}

// maxAnswer bounds what is read of a collector's answer, in bytes.
const maxAnswer = 64 << 10

// RoundTrip owns req: the exporters make a new one for each attempt.
func (d *delivery) RoundTrip(req *http.Request) (*http.Response, error) {
	if d.authorization != "" {
		req.Header.Set("Authorization", d.authorization)
	}
	a, _ := req.Context().Value(attemptsKey{}).(*attempts)
	if a == nil {
		a = &attempts{}
	}
	resp, err := d.send(req)
	if err != nil {
		if req.Context().Err() == nil {
			a.note(0, true, 0)
		}
		return nil, temporary{err}
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	_ = resp.Body.Close()
	if err != nil {
		a.note(0, true, 0)
		return nil, temporary{err}
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	a.note(resp.StatusCode, false, rejectedItems(resp, answer))
	return resp, nil
}

// send turns a panic of the transport into an error. Further up, it would leave an exporter's mutex locked for ever.
func (d *delivery) send(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if recover() != nil {
			resp, err = nil, errPanic
		}
	}()
	return d.base.RoundTrip(req)
}

// rejectedItems reads a partial success. The three signals' answers have the same fields under the same numbers.
func rejectedItems(resp *http.Response, answer []byte) int64 {
	if resp.StatusCode != http.StatusOK || len(answer) == 0 || resp.Header.Get("Content-Type") != "application/x-protobuf" {
		return 0
	}
	var r coltracepb.ExportTraceServiceResponse
	if proto.Unmarshal(answer, &r) != nil {
		return 0
	}
	return max(r.GetPartialSuccess().GetRejectedSpans(), 0)
}

// temporary makes the exporters try again. By themselves they give a batch up when the connection is refused,
// which is what a collector that restarts looks like.
type temporary struct{ error }

func (temporary) Temporary() bool { return true }

func (t temporary) Unwrap() error { return t.error }
