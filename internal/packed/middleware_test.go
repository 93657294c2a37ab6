package packed

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

// What the platform's middleware sends is plain: calls that succeed, fail, pay, and come without a key.
func TestSpansOfTheMiddlewareArePlain(t *testing.T) {
	t.Parallel()
	bodies := make(chan []byte, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && r.URL.Path == "/v1/traces" {
			bodies <- body
		}
	}))
	defer collector.Close()
	in := pipeline.Start(sdkinstrumentation.WithAPIKey("dk_live_platform"), sdkinstrumentation.WithEndpoint(collector.URL))

	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments/{id}", func(w http.ResponseWriter, r *http.Request) {
		sdkinstrumentation.Annotate(r.Context(), sdkinstrumentation.WithPayment("12.50", "EUR", "0.10"), sdkinstrumentation.WithAgent("agt_1"))
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	api := in.Middleware()(mux)
	for path, method := range map[string]string{"/payments/1": http.MethodPost, "/broken": http.MethodGet, "/nowhere": http.MethodGet} {
		for _, key := range []string{"", "Bearer dk_live_0123456789abcdefghijABCDEFGHIJ0123456789"} {
			req := httptest.NewRequest(method, path, http.NoBody)
			req.Header.Set("Authorization", key)
			req.Header.Set("User-Agent", "disco-sdk-go/1.0.0 (go1.26; linux/amd64)")
			req.Header.Set("X-User-Email", "alice@example.com")
			req.Header.Set("X-Organization", "Wonder")
			req.Header.Set("X-Disco-Environment", "live")
			api.ServeHTTP(httptest.NewRecorder(), req)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, in.Shutdown(ctx))
	close(bodies)
	sent := 0
	for body := range bodies {
		r, _, ok := pack(t, body)
		require.True(t, ok)
		sent += r.Spans()
	}
	require.Equal(t, 6, sent)
}
