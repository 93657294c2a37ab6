package sdkinstrumentation_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/otlptest"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testKey  = "dk_test_0123456789abcdefghijklmnopqrstuv0AbCdE"
	testHost = "api.disco.example"
)

// start makes an instrumentation of ada's that exports to a collector in process.
func start(t *testing.T, opts ...sdkinstrumentation.Option) (*sdkinstrumentation.Instrumentation, *otlptest.Collector) {
	t.Helper()
	collector := &otlptest.Collector{}
	in := sdkinstrumentation.New(append([]sdkinstrumentation.Option{
		sdkinstrumentation.WithAPIKey(testKey),
		sdkinstrumentation.WithUserEmail("ada@example.com"),
		sdkinstrumentation.WithOrganization("Analytical Engines"),
		sdkinstrumentation.WithAPIHosts(testHost),
		sdkinstrumentation.WithPipeline(pipeline.OTLP(pipeline.WithRoundTripper(collector))),
	}, opts...)...)
	t.Cleanup(func() { require.NoError(t, in.Shutdown(context.Background())) })
	return in, collector
}

// api answers in process and keeps the requests it got.
type api struct {
	requests []*http.Request
	answer   func(*http.Request) (*http.Response, error)
}

func (a *api) RoundTrip(req *http.Request) (*http.Response, error) {
	a.requests = append(a.requests, req)
	if a.answer != nil {
		return a.answer(req)
	}
	return response(req, http.StatusCreated, "{}"), nil
}

func response(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func request(t *testing.T, ctx context.Context, method, url, body string) *http.Request { //nolint:revive // t first, as everywhere
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	return req
}

func send(t *testing.T, rt http.RoundTripper, req *http.Request) *http.Response {
	t.Helper()
	resp, err := (&http.Client{Transport: rt}).Do(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp
}

func flush(t *testing.T, in *sdkinstrumentation.Instrumentation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, in.Flush(ctx))
}

// spans flushes and returns what arrived.
func spans(t *testing.T, in *sdkinstrumentation.Instrumentation, c *otlptest.Collector) []otlptest.Span {
	t.Helper()
	flush(t, in)
	return c.Spans()
}
