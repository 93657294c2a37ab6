package sdkinstrumentation_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/otlptest"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

func TestTransportRecordsAnAttempt(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ticks := 0
	in, collector := start(t,
		sdkinstrumentation.WithSDK("disco-sdk-go", "1.4.0"),
		sdkinstrumentation.WithUserMetadata(map[string]string{"team": "engines"}),
		sdkinstrumentation.WithClock(func(context.Context) time.Time {
			ticks++
			return began.Add(time.Duration(ticks-1) * 30 * time.Millisecond)
		}))
	server := &api{}
	ctx, op := in.Operation(context.Background(), "payments.create",
		sdkinstrumentation.WithTemplate("/payments/{id}"),
		sdkinstrumentation.WithPayment("12.50", "EUR", "0.10"),
		sdkinstrumentation.WithAgent("agt_1"), sdkinstrumentation.WithService("srv_1"))
	send(t, in.Transport(server), request(t, ctx, http.MethodPost, "https://api.disco.example/payments/p1?token=secret", `{"a":1}`))
	op.End(nil)

	got := spans(t, in, collector)
	require.Len(t, got, 1)
	require.Equal(t, "POST /payments/{id}", got[0].Name)
	require.False(t, got[0].Server)
	require.False(t, got[0].Error)
	require.Equal(t, began, got[0].Start)
	require.Equal(t, began.Add(30*time.Millisecond), got[0].End)
	require.Equal(t, otlptest.Attributes{
		"http.request.method":       "POST",
		"http.route":                "/payments/{id}",
		"server.address":            "api.disco.example",
		"http.response.status_code": int64(201),
		"disco.operation":           "payments.create",
		"disco.payment.amount":      "12.50",
		"disco.payment.currency":    "EUR",
		"disco.payment.fee":         "0.10",
		"disco.agent.id":            "agt_1",
		"disco.service.id":          "srv_1",
	}, got[0].Attributes)
	require.Equal(t, otlptest.Attributes{
		"service.name":             "disco-sdk-go",
		"disco.sdk.name":           "disco-sdk-go",
		"disco.sdk.version":        "1.4.0",
		"disco.sdk.language":       "go",
		"disco.environment":        "sandbox",
		"user.email":               "ada@example.com",
		"disco.organization.name":  "Analytical Engines",
		"disco.user.metadata.team": "engines",
		"telemetry.distro.name":    "mirrorball-sdkinstrumentation",
		"telemetry.distro.version": "1.0.0",
	}, got[0].Resource)
	require.NotContains(t, collector.Raw(), "secret", "query strings are never recorded")
	require.NotContains(t, collector.Raw(), "dk_test_", "the key is never part of telemetry")
	require.Equal(t, "Bearer "+testKey, collector.Headers()[0].Get("Authorization"))
}

func TestTransportInjectsHeaders(t *testing.T) {
	t.Parallel()
	in, _ := start(t)
	server := &api{}
	req := request(t, context.Background(), http.MethodGet, "https://API.disco.example:8443/agents", "")
	req.Header.Set("X-Custom", "kept")
	send(t, in.Transport(server), req)

	h := server.requests[0].Header
	require.Regexp(t, `^disco-sdk-go/1\.0\.0 \(go1\.\d+; \w+/\w+\)$`, h.Get("User-Agent"))
	require.Equal(t, "ada@example.com", h.Get("X-User-Email"))
	require.Equal(t, "Analytical Engines", h.Get("X-Organization"))
	require.Equal(t, "sandbox", h.Get("X-Disco-Environment"))
	require.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`, h.Get("traceparent"))
	require.Equal(t, "kept", h.Get("X-Custom"))
	require.Equal(t, http.Header{"X-Custom": {"kept"}}, req.Header, "the caller's request is not changed")
}

func TestTransportKeepsWhatTheCallerSet(t *testing.T) {
	t.Parallel()
	in, _ := start(t)
	server := &api{}
	req := request(t, context.Background(), http.MethodGet, "https://api.disco.example/agents", "")
	req.Header.Set("User-Agent", "shop/2")
	req.Header.Set("X-User-Email", "grace@example.com")
	send(t, in.Transport(server), req)
	require.Regexp(t, `^disco-sdk-go/1\.0\.0 \(.*\) shop/2$`, server.requests[0].Header.Get("User-Agent"))
	require.Equal(t, "grace@example.com", server.requests[0].Header.Get("X-User-Email"))
}

func TestTransportLeavesOtherHostsAlone(t *testing.T) {
	t.Parallel()
	in, collector := start(t)
	server := &api{}
	req := request(t, context.Background(), http.MethodGet, "https://example.org/", "")
	resp, err := in.Transport(server).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Same(t, req, server.requests[0], "the request passes as it is")
	require.Empty(t, req.Header)
	require.Empty(t, spans(t, in, collector))
}

// The headers must not reach the host that the API redirects to, neither injected nor copied by net/http.
func TestTransportRedirectToAnotherHost(t *testing.T) {
	t.Parallel()
	in, collector := start(t)
	server := &api{answer: func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == testHost {
			resp := response(req, http.StatusTemporaryRedirect, "")
			resp.Header.Set("Location", "https://evil.example/steal")
			return resp, nil
		}
		return response(req, http.StatusOK, ""), nil
	}}
	req := request(t, context.Background(), http.MethodGet, "https://api.disco.example/agents", "")
	req.Header.Set("X-User-Email", "set-by-the-sdk@example.com")
	req.Header.Set("X-Organization", "set by the SDK")
	send(t, in.Transport(server), req)

	require.Len(t, server.requests, 2)
	require.Equal(t, "evil.example", server.requests[1].URL.Host)
	for _, name := range []string{"User-Agent", "X-User-Email", "X-Organization", "X-Disco-Environment", "traceparent"} {
		require.NotEmpty(t, server.requests[0].Header.Get(name), name)
		require.Empty(t, server.requests[1].Header.Get(name), name)
	}
	require.Len(t, spans(t, in, collector), 1, "another host's calls are not the API's")
}

func TestTransportCountsResends(t *testing.T) {
	t.Parallel()
	in, collector := start(t)
	server := &api{answer: func(req *http.Request) (*http.Response, error) {
		return response(req, http.StatusServiceUnavailable, ""), nil
	}}
	ctx, op := in.Operation(context.Background(), "agents.list")
	for range 3 {
		send(t, in.Transport(server), request(t, ctx, http.MethodGet, "https://api.disco.example/agents", ""))
	}
	op.End(errors.New("gave up"))
	got := spans(t, in, collector)
	require.Len(t, got, 3)
	require.NotContains(t, got[0].Attributes, "http.request.resend_count")
	require.Equal(t, int64(1), got[1].Attributes["http.request.resend_count"])
	require.Equal(t, int64(2), got[2].Attributes["http.request.resend_count"])
	for _, s := range got {
		require.True(t, s.Error)
		require.Equal(t, "503", s.Attributes["error.type"])
		require.Equal(t, "/agents", s.Attributes["url.path"], "without a route the path stands in")
	}
	operations := collector.Metric("disco.sdk.operations").GetSum().GetDataPoints()
	require.Len(t, operations, 1)
	require.Equal(t, int64(1), operations[0].GetAsInt())
	require.Equal(t, otlptest.Attributes{
		"disco.operation": "agents.list", "disco.operation.status": "error", "error.type": "*errors.errorString",
	}, otlptest.Of(operations[0].Attributes))
}

func TestTransportErrorTypes(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	in, collector := start(t, sdkinstrumentation.WithAPIHosts("127.0.0.1"))
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	_, err := in.Transport(base).RoundTrip(request(t, context.Background(), http.MethodGet, closed.URL+"/x", ""))
	require.Error(t, err)

	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = in.Transport(base).RoundTrip(request(t, canceled, http.MethodGet, closed.URL+"/x", ""))
	require.ErrorIs(t, err, context.Canceled)

	slow, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = in.Transport(base).RoundTrip(request(t, slow, http.MethodGet, closed.URL+"/x", ""))
	require.ErrorIs(t, err, context.DeadlineExceeded)

	got := spans(t, in, collector)
	require.Len(t, got, 3)
	for i, want := range []string{"connection", "canceled", "timeout"} {
		require.Equal(t, want, got[i].Attributes["error.type"])
		require.True(t, got[i].Error)
		require.NotContains(t, got[i].Attributes, "http.response.status_code")
	}
}

// A host that samples nothing, and a caller whose flag says no, change nothing about usage.
func TestTransportIsAlwaysOn(t *testing.T) {
	t.Parallel()
	hostSpans := tracetest.NewInMemoryExporter()
	host := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()), sdktrace.WithSyncer(hostSpans))
	in, collector := start(t, sdkinstrumentation.WithTracerProvider(host))
	server := &api{}

	parent := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3}, SpanID: trace.SpanID{4, 5, 6}, TraceFlags: 0,
	})
	ctx := trace.ContextWithSpanContext(context.Background(), parent)
	send(t, in.Transport(server), request(t, ctx, http.MethodGet, "https://api.disco.example/agents", ""))

	got := spans(t, in, collector)
	require.Len(t, got, 1)
	require.Equal(t, parent.TraceID().String(), got[0].TraceID, "the caller's trace id is kept")
	require.Equal(t, "00-"+got[0].TraceID+"-"+got[0].SpanID+"-00", server.requests[0].Header.Get("traceparent"),
		"the caller's decision is passed on")
	require.Empty(t, hostSpans.GetSpans())
}

func TestTransportGivesTheHostACopy(t *testing.T) {
	t.Parallel()
	hostSpans := tracetest.NewInMemoryExporter()
	host := sdktrace.NewTracerProvider(sdktrace.WithSyncer(hostSpans))
	in, collector := start(t, sdkinstrumentation.WithTracerProvider(host))
	server := &api{}
	send(t, in.Transport(server), request(t, context.Background(), http.MethodGet, "https://api.disco.example/agents", ""))

	got, copies := spans(t, in, collector), hostSpans.GetSpans()
	require.Len(t, got, 1)
	require.Len(t, copies, 1)
	require.Equal(t, got[0].TraceID, copies[0].SpanContext.TraceID().String())
	require.Equal(t, trace.SpanKindClient, copies[0].SpanKind)
	below := trace.SpanContextFromContext(server.requests[0].Context())
	require.Equal(t, copies[0].SpanContext.SpanID(), below.SpanID(), "what happens below belongs to the host's span")
}

// A caller without a span in its context may still name one in the header.
func TestTransportContinuesTheHeadersTrace(t *testing.T) {
	t.Parallel()
	in, collector := start(t)
	req := request(t, context.Background(), http.MethodGet, "https://api.disco.example/agents", "")
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	server := &api{}
	send(t, in.Transport(server), req)
	got := spans(t, in, collector)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", got[0].TraceID)
	require.Equal(t, "b7ad6b7169203331", got[0].ParentID)
	require.Equal(t, "00-"+got[0].TraceID+"-"+got[0].SpanID+"-00", server.requests[0].Header.Get("traceparent"))
}

func TestTransportMetrics(t *testing.T) {
	t.Parallel()
	in, collector := start(t, sdkinstrumentation.WithRoute(func(*http.Request) string { return "/agents/{id}" }))
	server := &api{answer: func(req *http.Request) (*http.Response, error) {
		resp := response(req, http.StatusOK, "12345678")
		resp.ContentLength = -1 // as with chunks
		return resp, nil
	}}
	send(t, in.Transport(server), request(t, context.Background(), http.MethodPost, "https://api.disco.example/agents/1", "123"))
	flush(t, in)

	for name, sum := range map[string]float64{
		usageconv.MetricClientRequestSize: 3, usageconv.MetricClientResponseSize: 8,
	} {
		points := collector.Metric(name).GetExponentialHistogram().GetDataPoints()
		require.Len(t, points, 1, name)
		require.Equal(t, uint64(1), points[0].Count, name)
		require.InDelta(t, sum, points[0].GetSum(), 0, name)
	}
	points := collector.Metric(usageconv.MetricClientDuration).GetExponentialHistogram().GetDataPoints()
	require.Len(t, points, 1)
	require.Equal(t, otlptest.Attributes{
		"http.request.method": "POST", "http.route": "/agents/{id}", "server.address": testHost,
		"http.response.status_code": int64(200),
	}, otlptest.Of(points[0].Attributes))
}

// After 101 the body is the connection: wrapping it would take its Write away.
func TestTransportLeavesUpgradedConnectionsAlone(t *testing.T) {
	t.Parallel()
	in, _ := start(t)
	type conn struct {
		io.Reader
		io.WriteCloser
	}
	body := conn{strings.NewReader(""), nopWriteCloser{}}
	server := &api{answer: func(req *http.Request) (*http.Response, error) {
		resp := response(req, http.StatusSwitchingProtocols, "")
		resp.Body, resp.ContentLength = body, -1
		return resp, nil
	}}
	resp, err := in.Transport(server).RoundTrip(request(t, context.Background(), http.MethodGet, "https://api.disco.example/ws", ""))
	require.NoError(t, err)
	_, ok := resp.Body.(io.Writer)
	require.True(t, ok)
	require.NoError(t, resp.Body.Close())
}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Write(p []byte) (int, error) { return len(p), nil }
func (nopWriteCloser) Close() error                { return nil }

// A caller that reuses paths with ids must not make the SDK remember each.
func TestTransportBoundsRoutes(t *testing.T) {
	t.Parallel()
	n := 0
	in, collector := start(t, sdkinstrumentation.WithRoute(func(*http.Request) string {
		n++
		return "/" + strconv.Itoa(n)
	}))
	rt := in.Transport(&api{})
	for range 700 {
		send(t, rt, request(t, context.Background(), http.MethodGet, "https://api.disco.example/", ""))
	}
	got := spans(t, in, collector)
	require.Len(t, got, 700)
	require.Equal(t, "/700", got[699].Attributes["http.route"], "spans keep their route")
	points := collector.Metric(usageconv.MetricClientDuration).GetExponentialHistogram().GetDataPoints()
	require.Len(t, points, 512+1, "metrics of further routes are one stream")
}
