package pipeline_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/goleak"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/otlptest"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

const key = "dk_live_0123456789abcdefghijklmnopqrstuv0AbCdE"

// quickRetry tries again at once, and for as long as the test goes on.
var quickRetry = pipeline.WithRetry(time.Millisecond, 5*time.Millisecond, time.Minute)

func start(endpoint string, opts ...pipeline.Option) *sdkinstrumentation.Instrumentation {
	return sdkinstrumentation.New(
		sdkinstrumentation.WithAPIKey(key),
		sdkinstrumentation.WithAPIHosts("api.disco.example"),
		sdkinstrumentation.WithEndpoint(endpoint),
		sdkinstrumentation.WithPipeline(pipeline.OTLP(opts...)))
}

type okAPI struct{}

func (okAPI) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

func call(t *testing.T, in *sdkinstrumentation.Instrumentation) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://api.disco.example/agents", http.NoBody)
	require.NoError(t, err)
	resp, err := in.Transport(okAPI{}).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// dropped counts a signal's drops by reason.
func dropped(in *sdkinstrumentation.Instrumentation, signal string) map[string]int64 {
	counts := map[string]int64{}
	for _, d := range in.Dropped() {
		if d.Signal == signal {
			counts[d.Reason] += d.Count
		}
	}
	return counts
}

func TestExportOverTheNetwork(t *testing.T) {
	t.Parallel()
	collector := &otlptest.Collector{}
	server := httptest.NewServer(collector)
	defer server.Close()
	in := start(server.URL)
	call(t, in)
	in.Track(context.Background(), "event", attribute.String("k", "v"))
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)), "twice")

	require.Len(t, collector.Spans(), 1)
	require.Len(t, collector.Logs(), 1)
	require.NotNil(t, collector.Metric(usageconv.MetricClientDuration).GetExponentialHistogram())
	for _, h := range collector.Headers() {
		require.Equal(t, "Bearer "+key, h.Get("Authorization"))
		require.Empty(t, h.Get("Content-Encoding"), "the loopback needs no compression")
	}
	require.NotContains(t, collector.Raw(), key)
	require.Empty(t, in.Dropped())
}

// A host name in place of an address: only what stays on the machine goes uncompressed.
func TestExportIsCompressed(t *testing.T) {
	t.Parallel()
	collector := &otlptest.Collector{}
	in := start("https://usage.disco.example/base/", pipeline.WithRoundTripper(collector))
	call(t, in)
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
	for _, h := range collector.Headers() {
		require.Equal(t, "gzip", h.Get("Content-Encoding"))
	}
}

func TestEndpointFromEnvironment(t *testing.T) {
	collector := &otlptest.Collector{}
	server := httptest.NewServer(http.StripPrefix("/base", collector))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL+"/base")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off") // the host's business
	t.Setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
	in := start("")
	call(t, in)
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
	require.Len(t, collector.Spans(), 1)
	require.Greater(t, len(collector.Spans()[0].Attributes), 2)
}

// The collector answers 503 with Retry-After while its database is away. Nothing is lost, and nobody waits.
func TestCollectorUnavailableForAWhile(t *testing.T) {
	t.Parallel()
	var refused atomic.Int32
	collector := &otlptest.Collector{Answer: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/traces" || refused.Add(1) > 3 {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}}
	in := start("http://collector", pipeline.WithRoundTripper(collector), quickRetry)
	call(t, in)
	require.NoError(t, in.Flush(within(t, 30*time.Second)))
	require.Len(t, collector.Spans(), 1)
	require.Empty(t, in.Dropped())
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
}

// A connection refused is what a restart looks like.
func TestCollectorRestarts(t *testing.T) {
	t.Parallel()
	collector := &restarting{refuse: 3}
	in := start("http://collector", pipeline.WithRoundTripper(collector), quickRetry)
	call(t, in)
	require.NoError(t, in.Flush(within(t, 30*time.Second)))
	require.Len(t, collector.Spans(), 1)
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
	require.Empty(t, in.Dropped())
}

// restarting refuses the first connections.
type restarting struct {
	otlptest.Collector
	refuse int32
	seen   atomic.Int32
}

func (r *restarting) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/v1/traces" && r.seen.Add(1) <= r.refuse {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return r.Collector.RoundTrip(req)
}

// Whatever is wrong with the collector: calls go through, Flush says so, Shutdown keeps its deadline, and each span that
// did not arrive is counted with a reason.
func TestCollectorBroken(t *testing.T) {
	t.Parallel()
	status := func(code int) http.RoundTripper {
		return &otlptest.Collector{Answer: func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(code)
			return true
		}}
	}
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	elsewhere := httptest.NewServer(http.RedirectHandler(plain.URL, http.StatusTemporaryRedirect))
	t.Cleanup(elsewhere.Close)

	for name, test := range map[string]struct {
		endpoint string
		base     http.RoundTripper
		reason   string
	}{
		"Down":           {"http://127.0.0.1:1", nil, "unreachable"},
		"Hangs":          {"http://collector", hanging{}, "shutdown"},
		"Unauthorized":   {"http://collector", status(401), "unauthorized"},
		"BadRequest":     {"http://collector", status(400), "rejected"},
		"Unavailable":    {"http://collector", status(503), "unavailable"},
		"UntrustedTLS":   {untrusted.URL, nil, "unreachable"},
		"TLSToPlainHTTP": {strings.Replace(plain.URL, "http:", "https:", 1), nil, "unreachable"},
		"Redirects":      {elsewhere.URL, nil, "rejected"},
		"NoSuchHost":     {"http://collector", noSuchHost(), "unreachable"},
		"Panics":         {"http://collector", panicking{}, "unreachable"},
		"NotAURL":        {"://", nil, "unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := []pipeline.Option{pipeline.WithRetry(time.Millisecond, 5*time.Millisecond, 20*time.Millisecond)}
			if test.base != nil {
				opts = append(opts, pipeline.WithRoundTripper(test.base))
			}
			in := start(test.endpoint, opts...)
			for range 3 {
				call(t, in)
			}
			patience := 30 * time.Second // the exporter gives up first
			if name == "Hangs" {
				patience = 50 * time.Millisecond
			}
			require.Error(t, in.Flush(within(t, patience)))
			call(t, in)
			began := time.Now()
			_ = in.Shutdown(within(t, 100*time.Millisecond))
			require.Less(t, time.Since(began), 3*time.Second, "far below any timeout of HTTP")
			call(t, in) // too late, but harmless

			counts := dropped(in, "traces")
			total := int64(0)
			for _, n := range counts {
				total += n
			}
			require.Equal(t, int64(5), total, "each span is accounted for: %v", counts)
			require.Contains(t, counts, test.reason)
		})
	}
}

// noSuchHost asks no real resolver, which would outlive the test.
func noSuchHost() http.RoundTripper {
	return &http.Transport{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}
	}}
}

type hanging struct{}

func (hanging) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("transport") }

// A burst with a collector that hangs: no call waits, memory stays bounded, the rest is dropped and counted.
func TestBurstIsBounded(t *testing.T) {
	t.Parallel()
	const goroutines, calls, queue = 64, 200, 100
	in := start("http://collector", pipeline.WithRoundTripper(hanging{}), pipeline.WithQueueSize(queue))
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range calls {
				call(t, in)
				in.Track(context.Background(), "event")
			}
		})
	}
	wg.Wait()
	for _, signal := range []string{"traces", "logs"} {
		require.Equal(t, map[string]int64{"queue_full": goroutines*calls - queue}, dropped(in, signal), signal)
	}
	require.Error(t, in.Shutdown(within(t, 50*time.Millisecond)))
	require.Equal(t, map[string]int64{"queue_full": goroutines*calls - queue, "shutdown": queue}, dropped(in, "traces"))
}

// A burst with a collector that works loses nothing that fits.
func TestBurstArrives(t *testing.T) {
	t.Parallel()
	const goroutines, calls = 64, 50
	collector := &otlptest.Collector{}
	in := start("http://collector", pipeline.WithRoundTripper(collector))
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range calls {
				call(t, in)
			}
		})
	}
	wg.Wait()
	require.NoError(t, in.Shutdown(within(t, 30*time.Second)))
	seen := map[string]bool{}
	for _, s := range collector.Spans() {
		seen[s.TraceID+s.SpanID] = true
	}
	require.Len(t, seen, goroutines*calls)
	require.Empty(t, in.Dropped())
}

func TestDropsAreReported(t *testing.T) {
	t.Parallel()
	collector := &otlptest.Collector{Answer: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v1/traces" {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}}
	in := start("http://collector", pipeline.WithRoundTripper(collector))
	call(t, in)
	call(t, in)
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
	points := collector.Metric(usageconv.MetricDropped).GetSum().GetDataPoints()
	require.Len(t, points, 1)
	require.Equal(t, int64(2), points[0].GetAsInt())
	require.Equal(t, otlptest.Attributes{"disco.drop.signal": "traces", "disco.drop.reason": "unauthorized"},
		otlptest.Of(points[0].Attributes))
}

// A collector may take an export but for some of its spans. The answer is a protobuf: partial_success (1) with rejected_spans (1) = 2.
func TestPartialSuccess(t *testing.T) {
	t.Parallel()
	collector := &otlptest.Collector{Answer: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v1/traces" {
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write([]byte{0x0a, 0x02, 0x08, 0x02})
		}
		return true
	}}
	in := start("http://collector", pipeline.WithRoundTripper(collector))
	for range 5 {
		call(t, in)
	}
	require.Error(t, in.Flush(within(t, 10*time.Second)))
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
	require.Equal(t, map[string]int64{"partially_rejected": 2}, dropped(in, "traces"))
}

// The key goes to the collector and to nobody that it redirects to.
func TestKeyIsNotRedirected(t *testing.T) {
	t.Parallel()
	var stolen atomic.Value
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen.Store(r.Header.Get("Authorization")) }))
	defer thief.Close()
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	in := start(server.URL)
	call(t, in)
	require.Error(t, in.Flush(within(t, 10*time.Second)))
	_ = in.Shutdown(within(t, 10*time.Second))
	require.Nil(t, stolen.Load())
}

const childVariable = "MIRRORBALL_TEST_CHILD_COLLECTOR"

// child is a host that makes a call and ends, without a thought for telemetry.
func child() {
	in := start(os.Getenv(childVariable))
	req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://api.disco.example/agents", http.NoBody)
	resp, err := in.Transport(okAPI{}).RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		panic(errors.Join(err, errors.New("the call failed")))
	}
	if os.Getenv(childVariable+"_SHUTDOWN") != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = in.Shutdown(ctx)
	}
}

// A host exits at once and in silence, whether or not it shuts telemetry down, with a collector that takes the connection and then says nothing.
func TestHostExitsAtOnce(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	for _, shutdown := range []string{"", "1"} {
		cmd := exec.CommandContext(within(t, 20*time.Second), os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"=http://"+listener.Addr().String(), childVariable+"_SHUTDOWN="+shutdown)
		began := time.Now()
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, string(output))
		require.Less(t, time.Since(began), 5*time.Second, "below the timeout of a request, which is 10 s")
		require.Empty(t, string(output), "a host's output is its own")
	}
}

// The password of the host's own collector is none of ours. Without WithEndpoint the variables mean us.
func TestHostsHeadersStayWithTheHost(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-vendor-key=secret")
	for endpoint, want := range map[string]string{"http://collector": "", "": "secret"} {
		collector := &otlptest.Collector{}
		in := start(endpoint, pipeline.WithRoundTripper(collector))
		call(t, in)
		in.Track(context.Background(), "event")
		require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
		require.Len(t, collector.Headers(), 3)
		for _, h := range collector.Headers() {
			require.Equal(t, want, h.Get("X-Vendor-Key"))
		}
	}
}

func TestPrivateRootFromEnvironment(t *testing.T) {
	collector := &otlptest.Collector{}
	server := httptest.NewTLSServer(collector)
	defer server.Close()
	root := filepath.Join(t.TempDir(), "root.pem")
	require.NoError(t, os.WriteFile(root, pem.EncodeToMemory(
		&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", root)
	in := start(server.URL)
	call(t, in)
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
	require.Len(t, collector.Spans(), 1)
}

// A client certificate or a private root comes in through the transport.
func TestOwnTLS(t *testing.T) {
	t.Parallel()
	collector := &otlptest.Collector{}
	server := httptest.NewTLSServer(collector)
	defer server.Close()
	transport := server.Client().Transport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	transport.TLSClientConfig.MinVersion = tls.VersionTLS13
	in := start(server.URL, pipeline.WithRoundTripper(transport))
	call(t, in)
	require.NoError(t, in.Shutdown(within(t, 10*time.Second)))
	require.Len(t, collector.Spans(), 1)
}
