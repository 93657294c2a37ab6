package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The server that all tests of the process share.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/disco-platform/mirrorball/internal/postgres/embedded.(*Server).awaitEnd"))
}

// stub is a collector that counts how often it has taken each span.
type stub struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string]int
	calls int
}

// newStub asks refuse, before a request is taken, for a status other than 0 to refuse it with.
func newStub(t *testing.T, refuse func(call int) int) *stub {
	s := &stub{spans: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls++
		if status := refuse(s.calls); status != 0 {
			w.WriteHeader(status)
			return
		}
		req := ptraceotlp.NewExportRequest()
		if err := req.UnmarshalProto(body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, span := range req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			s.spans[span.SpanID().String()]++
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestLoad(t *testing.T) {
	t.Parallel()
	always := func(int) int { return 0 }
	sometimes := func(call int) int {
		if call%3 == 1 {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	for name, tt := range map[string]struct {
		refuse func(int) int
		copies int
		want   int // times that each span is taken
	}{
		"once":               {always, 1, 1},
		"each batch twice":   {always, 2, 2},
		"refusals are tried": {sometimes, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newStub(t, tt.refuse)
			l := &load{stream: testStream(t, profiles, 20), url: server.URL, key: "secret", senders: 4, copies: tt.copies}
			s, err := l.run(t.Context(), 5, 15)
			require.NoError(t, err)
			require.Equal(t, 10*spansPerRequest, s.events)
			require.Len(t, s.latencies, 10*tt.copies)
			require.Len(t, server.spans, s.events)
			for _, n := range server.spans {
				require.Equal(t, tt.want, n)
			}
			require.EqualValues(t, server.calls-10*tt.copies, s.retries)
		})
	}
}

func TestLoadFails(t *testing.T) {
	t.Parallel()
	run := func(ctx context.Context, key string, refuse func(int) int) error {
		server := newStub(t, refuse)
		l := &load{stream: testStream(t, profiles, 20), url: server.URL, key: key, senders: 2}
		_, err := l.run(ctx, 0, 10)
		return err
	}
	require.ErrorContains(t, run(t.Context(), "secret", func(call int) int {
		if call == 4 {
			return http.StatusBadRequest
		}
		return 0
	}), "400")
	require.ErrorContains(t, run(t.Context(), "wrong", func(int) int { return 0 }), "401")

	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, run(ctx, "secret", func(int) int {
		cancel()
		return http.StatusServiceUnavailable
	}), context.Canceled)
}

func TestPartialSuccessIsNone(t *testing.T) {
	t.Parallel()
	answer := ptraceotlp.NewExportResponse()
	answer.PartialSuccess().SetRejectedSpans(3)
	body, err := answer.MarshalProto()
	require.NoError(t, err)
	require.ErrorContains(t, requireAll(body), "3 spans were rejected")
	require.NoError(t, requireAll(nil))
}
