package sdkinstrumentation_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/otlptest"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

func TestMiddlewareRecordsARequest(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ticks := 0
	in, collector := start(t, sdkinstrumentation.WithClock(func(context.Context) time.Time {
		ticks++
		return began.Add(time.Duration(ticks-1) * 20 * time.Millisecond)
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments/{id}", func(w http.ResponseWriter, r *http.Request) {
		sdkinstrumentation.Annotate(r.Context(), sdkinstrumentation.WithOperationName("payments.create"),
			sdkinstrumentation.WithPayment("12.50", "EUR", ""), sdkinstrumentation.WithAgent("agt_1"))
		w.WriteHeader(http.StatusCreated)
	})
	req := httptest.NewRequest(http.MethodPost, "/payments/p1?secret=1", http.NoBody)
	req.RemoteAddr = "192.0.2.7:4711"
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("User-Agent", "disco-sdk-go/1.0.0 (go1.26; linux/amd64)")
	req.Header.Set("X-User-Email", "ada@example.com")
	req.Header.Set("X-Organization", "Analytical Engines")
	req.Header.Set("X-Disco-Environment", "live")
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	in.Middleware()(mux).ServeHTTP(httptest.NewRecorder(), req)

	got := spans(t, in, collector)
	require.Len(t, got, 1)
	require.Equal(t, "POST /payments/{id}", got[0].Name)
	require.True(t, got[0].Server)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", got[0].TraceID)
	require.Equal(t, "b7ad6b7169203331", got[0].ParentID)
	require.Equal(t, began, got[0].Start)
	require.Equal(t, began.Add(20*time.Millisecond), got[0].End)
	require.Equal(t, otlptest.Attributes{
		"http.request.method":             "POST",
		"http.route":                      "/payments/{id}",
		"http.response.status_code":       int64(201),
		"client.address":                  "192.0.2.7",
		"user_agent.original":             "disco-sdk-go/1.0.0 (go1.26; linux/amd64)",
		"disco.claimed.user.email":        "ada@example.com",
		"disco.claimed.organization.name": "Analytical Engines",
		"disco.claimed.environment":       "live",
		// printf %s dk_test_0123456789abcdefghijklmnopqrstuv0AbCdE | sha256sum
		"disco.api_key.fingerprint": testKeyFingerprint,
		"disco.operation":           "payments.create",
		"disco.payment.amount":      "12.50",
		"disco.payment.currency":    "EUR",
		"disco.agent.id":            "agt_1",
	}, got[0].Attributes)
	require.NotContains(t, collector.Raw(), "secret")
	require.NotContains(t, collector.Raw(), "dk_test_")
	points := collector.Metric(usageconv.MetricServerDuration).GetExponentialHistogram().GetDataPoints()
	require.Len(t, points, 1)
	require.InDelta(t, 0.02, points[0].GetSum(), 1e-9)
}

// An API server's resource names no SDK: the collector would take it for the caller's.
func TestMiddlewareNamesNoSDK(t *testing.T) {
	t.Parallel()
	collector := &otlptest.Collector{}
	in := sdkinstrumentation.New(sdkinstrumentation.WithSDK("disco-api", "2026.1"),
		sdkinstrumentation.WithPipeline(pipeline.OTLP(pipeline.WithRoundTripper(collector))))
	defer func() { require.NoError(t, in.Shutdown(context.Background())) }()
	in.Middleware()(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
	got := spans(t, in, collector)
	require.Len(t, got, 1)
	require.Equal(t, "disco-api", got[0].Resource["service.name"])
	for key := range got[0].Resource {
		require.NotContains(t, key, "disco.sdk.")
	}
}

func TestMiddlewareStatus(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		status  int64
		failure string
	}{
		"NothingWritten": {func(http.ResponseWriter, *http.Request) {}, 200, ""},
		"OnlyABody":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, 200, ""},
		"ClientError":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 404, ""},
		"ServerError":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 503, "503"},
		"FirstOneCounts": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); w.WriteHeader(500) }, 202, ""},
		"EarlyHints":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(204) }, 204, ""},
		"Flushed": {func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			w.WriteHeader(500)
		}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, collector := start(t)
			in.Middleware()(test.handler).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
			got := spans(t, in, collector)[0]
			require.Equal(t, test.status, got.Attributes["http.response.status_code"])
			require.Equal(t, test.failure != "", got.Error)
			if test.failure != "" {
				require.Equal(t, test.failure, got.Attributes["error.type"])
			}
			require.Equal(t, "/x", got.Attributes["url.path"])
		})
	}
}

func TestMiddlewareHandlerPanics(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value   any
		failure string
	}{
		"Panic":   {"broken: dk_test_in_a_panic", "panic"},
		"Aborted": {http.ErrAbortHandler, "aborted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, collector := start(t)
			h := in.Middleware()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(test.value) }))
			require.PanicsWithValue(t, test.value, func() {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
			})
			got := spans(t, in, collector)[0]
			require.True(t, got.Error)
			require.Equal(t, test.failure, got.Attributes["error.type"])
			require.Equal(t, int64(500), got.Attributes["http.response.status_code"])
			require.NotContains(t, collector.Raw(), "dk_test_in_a_panic")
		})
	}
}

func TestMiddlewareRoute(t *testing.T) {
	t.Parallel()
	in, collector := start(t)
	stated := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sdkinstrumentation.Annotate(r.Context(), sdkinstrumentation.WithTemplate("/stated/{id}"))
	})
	asked := in.Middleware(sdkinstrumentation.WithRouteFunc(func(r *http.Request) string { return "/asked" + r.URL.Path }))
	mux := http.NewServeMux()
	mux.Handle("example.com/host/{rest...}", http.NotFoundHandler())
	for _, h := range []http.Handler{in.Middleware()(stated), asked(http.NotFoundHandler()), in.Middleware()(mux)} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "http://example.com/host/x", http.NoBody))
	}
	got := spans(t, in, collector)
	require.Equal(t, "/stated/{id}", got[0].Attributes["http.route"])
	require.Equal(t, "/asked/host/x", got[1].Attributes["http.route"])
	require.Equal(t, "/host/{rest...}", got[2].Attributes["http.route"])
	require.Equal(t, "_OTHER", got[2].Attributes["http.request.method"], "a stranger's methods are not remembered")
}

// The methods are those that the collector knows, so that neither calls a call what the other does not.
func TestMiddlewareMethods(t *testing.T) {
	t.Parallel()
	in, collector := start(t)
	h := in.Middleware()(http.NotFoundHandler())
	known := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY"}
	for _, method := range known {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, "http://example.com/", http.NoBody))
	}
	got := spans(t, in, collector)
	require.Len(t, got, len(known))
	for i, method := range known {
		require.Equal(t, method, got[i].Attributes["http.request.method"])
	}
}

func TestFingerprintOfPresentedKey(t *testing.T) {
	t.Parallel()
	for authorization, want := range map[string]any{
		"Bearer " + testKey:                       testKeyFingerprint,
		"bearer  " + testKey + " ":                testKeyFingerprint,
		"Bearer eyJhbGciOi":                       nil, // somebody else's token
		"Basic " + testKey:                        nil,
		"Bearer dk_" + strings.Repeat("x", 1<<20): nil,
		"Bearer": nil,
		testKey:  nil,
	} {
		in, collector := start(t)
		req := httptest.NewRequest(http.MethodGet, "/x", http.NoBody)
		req.Header.Set("Authorization", authorization)
		in.Middleware()(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), req)
		require.Equal(t, want, spans(t, in, collector)[0].Attributes["disco.api_key.fingerprint"], authorization[:min(len(authorization), 40)])
	}
}

// printf %s dk_test_0123456789abcdefghijklmnopqrstuv0AbCdE | sha256sum
const testKeyFingerprint = "48d3f51ccdb71edc76ce14dcd4dd3c3ce259bf312da22187642068b24830849b"

func TestClientAddress(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for name, test := range map[string]struct {
		peer      string
		forwarded []string
		trust     []netip.Prefix
		want      any
	}{
		"Direct":              {"192.0.2.7:1", nil, nil, "192.0.2.7"},
		"DirectIgnoresHeader": {"192.0.2.7:1", []string{"198.51.100.1"}, nil, "192.0.2.7"},
		"UntrustedPeer":       {"192.0.2.7:1", []string{"198.51.100.1"}, proxies, "192.0.2.7"},
		"TrustedPeer":         {"10.0.0.1:1", []string{"198.51.100.1"}, proxies, "198.51.100.1"},
		"ForgedEntryOnLeft":   {"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, proxies, "198.51.100.1"},
		"ChainOfProxies":      {"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1, 10.2.3.4"}, proxies, "198.51.100.1"},
		"SeveralLines":        {"10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1", "10.2.3.4"}, proxies, "198.51.100.1"},
		"OnlyProxies":         {"10.0.0.1:1", []string{"10.9.9.9, 10.2.3.4"}, proxies, "10.9.9.9"},
		"NoHeader":            {"10.0.0.1:1", nil, proxies, "10.0.0.1"},
		"Rubbish":             {"10.0.0.1:1", []string{"198.51.100.1, unknown, 10.2.3.4"}, proxies, "10.2.3.4"},
		"WithPorts":           {"10.0.0.1:1", []string{"198.51.100.1:443"}, proxies, "198.51.100.1"},
		"IPv6":                {"[2001:db8:1::1]:1", []string{"[2001:db8:2::5]:80"}, proxies, "2001:db8:2::5"},
		"IPv4InIPv6":          {"[::ffff:10.0.0.1]:1", []string{"::ffff:198.51.100.1"}, proxies, "198.51.100.1"},
		"Zone":                {"[fe80::1%eth0]:1", nil, nil, "fe80::1"},
		"NoPeer":              {"@", nil, nil, nil}, // a Unix socket
		"EndlessChain":        {"10.0.0.1:1", []string{"198.51.100.1," + strings.Repeat("10.1.1.1,", 100) + "10.1.1.1"}, proxies, "10.1.1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, collector := start(t)
			req := httptest.NewRequest(http.MethodGet, "/x", http.NoBody)
			req.RemoteAddr = test.peer
			req.Header["X-Forwarded-For"] = test.forwarded
			in.Middleware(sdkinstrumentation.WithTrustedProxies(test.trust...))(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), req)
			require.Equal(t, test.want, spans(t, in, collector)[0].Attributes["client.address"])
		})
	}
}

// The wrapped writer can do what the one below can, and no more.
func TestMiddlewareKeepsTheWritersAbilities(t *testing.T) {
	t.Parallel()
	type plain struct{ http.ResponseWriter }
	type f struct {
		http.ResponseWriter
		http.Flusher
	}
	type h struct {
		http.ResponseWriter
		http.Hijacker
	}
	type r struct {
		http.ResponseWriter
		io.ReaderFrom
	}
	type fh struct {
		http.ResponseWriter
		http.Flusher
		http.Hijacker
	}
	type fr struct {
		http.ResponseWriter
		http.Flusher
		io.ReaderFrom
	}
	type hr struct {
		http.ResponseWriter
		http.Hijacker
		io.ReaderFrom
	}
	type fhr struct {
		http.ResponseWriter
		http.Flusher
		http.Hijacker
		io.ReaderFrom
	}
	a := &abilities{ResponseWriter: httptest.NewRecorder()}
	for _, w := range []http.ResponseWriter{plain{a}, f{a, a}, h{a, a}, r{a, a}, fh{a, a, a}, fr{a, a, a}, hr{a, a, a}, fhr{a, a, a, a}} {
		in, _ := start(t)
		in.Middleware()(http.HandlerFunc(func(wrapped http.ResponseWriter, _ *http.Request) {
			_, isF := w.(http.Flusher)
			gotF, okF := wrapped.(http.Flusher)
			require.Equal(t, isF, okF, "%T: Flusher", w)
			_, isH := w.(http.Hijacker)
			gotH, okH := wrapped.(http.Hijacker)
			require.Equal(t, isH, okH, "%T: Hijacker", w)
			_, isR := w.(io.ReaderFrom)
			gotR, okR := wrapped.(io.ReaderFrom)
			require.Equal(t, isR, okR, "%T: ReaderFrom", w)
			if okF {
				a.flushed = false
				gotF.Flush()
				require.True(t, a.flushed)
			}
			if okR {
				n, err := gotR.ReadFrom(strings.NewReader("abc"))
				require.NoError(t, err)
				require.EqualValues(t, 3, n)
			}
			if okH {
				_, _, err := gotH.Hijack()
				require.ErrorIs(t, err, http.ErrNotSupported)
			}
			require.Equal(t, w, wrapped.(interface{ Unwrap() http.ResponseWriter }).Unwrap())
		})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", http.NoBody))
	}
}

type abilities struct {
	http.ResponseWriter
	flushed bool
}

func (a *abilities) Flush() { a.flushed = true }
func (*abilities) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}
func (*abilities) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }
