package demo

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// stub stands for a collector: it registers users and keeps what it is sent.
type stub struct {
	*httptest.Server

	onTraces func()      // called with each delivery of spans
	refuse   atomic.Bool // answer 503

	mu            sync.Mutex
	registrations []map[string]string
	keys          map[string]bool
	spans         []seenSpan
	events        []string // names of log records
	notices       int
}

type seenSpan struct {
	reporter   string // key it was sent with
	kind       string // "SPAN_KIND_…"
	start, end time.Time
	trace      string
	attributes map[string]string
}

// newStub serves the API, OTLP and CloudEvents from one address, and leaves its keys in data.
func newStub(t *testing.T, data string) *stub {
	t.Helper()
	s := &stub{keys: map[string]bool{"dk_live_admin_stub": true, "dk_live_platform": true}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	mux.HandleFunc("POST /users/register", s.register)
	mux.HandleFunc("GET /analytics/user-info", s.authenticated(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	mux.HandleFunc("GET /analytics/usage", s.authenticated(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"overview":{"total_requests":3},"time_series":[{"a":1},{"a":2},{"a":3}]}`)
	}))
	mux.HandleFunc("POST /v1/traces", s.authenticated(s.traces))
	mux.HandleFunc("POST /v1/logs", s.authenticated(s.logs))
	mux.HandleFunc("POST /v1/metrics", s.authenticated(func(http.ResponseWriter, *http.Request) {}))
	mux.HandleFunc("POST /events", s.authenticated(s.cloudEvents))
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	require.NoError(t, os.WriteFile(filepath.Join(data, "admin.key"), []byte("dk_live_admin_stub\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(data, "platform.key"), []byte("dk_live_platform\n"), 0o600))
	return s
}

func (s *stub) options(data string, days int, out io.Writer) Options {
	return Options{API: s.URL, OTLP: s.URL, Events: s.URL, Data: data, Days: days, Seed: 1, Live: time.Nanosecond, Out: out}
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func (s *stub) authenticated(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		known := s.keys[bearer(r)]
		s.mu.Unlock()
		if !known {
			http.Error(w, "unknown key", http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

func (s *stub) register(w http.ResponseWriter, r *http.Request) {
	var in map[string]string
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in["organization_id"] != "" && !strings.Contains(bearer(r), "admin") {
		http.Error(w, "only an admin names an organisation", http.StatusForbidden)
		return
	}
	s.registrations = append(s.registrations, in)
	n := len(s.registrations)
	prefix := map[string]string{"live": "dk_live_", "sandbox": "dk_test_"}[in["environment"]]
	key := fmt.Sprintf("%s%038d", prefix, n)
	s.keys[key] = true
	org := in["organization_id"]
	if org == "" {
		org = fmt.Sprintf("org_%d", n)
	}
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"api_key": key, "user": map[string]string{"id": fmt.Sprintf("usr_%d", n)}, "organization": map[string]string{"id": org},
	})
}

func (s *stub) traces(w http.ResponseWriter, r *http.Request) {
	var in coltrace.ExportTraceServiceRequest
	if s.onTraces != nil {
		s.onTraces()
	}
	if s.refuse.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if !decode(w, r, &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rs := range in.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, span := range ss.Spans {
				attributes := textOf(rs.Resource.Attributes)
				for k, v := range textOf(span.Attributes) {
					attributes[k] = v
				}
				s.spans = append(s.spans, seenSpan{
					reporter: bearer(r), kind: span.Kind.String(), trace: fmt.Sprintf("%x", span.TraceId), attributes: attributes,
					start: time.Unix(0, int64(span.StartTimeUnixNano)), end: time.Unix(0, int64(span.EndTimeUnixNano)),
				})
			}
		}
	}
}

func (s *stub) logs(w http.ResponseWriter, r *http.Request) {
	var in collogs.ExportLogsServiceRequest
	if !decode(w, r, &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rl := range in.ResourceLogs {
		for _, sl := range rl.ScopeLogs {
			for _, record := range sl.LogRecords {
				s.events = append(s.events, record.EventName)
			}
		}
	}
}

func (s *stub) cloudEvents(w http.ResponseWriter, r *http.Request) {
	var batch []notice
	if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.notices += len(batch)
	s.mu.Unlock()
}

func decode(w http.ResponseWriter, r *http.Request, into proto.Message) bool {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return false
		}
		body = z
	}
	text, err := io.ReadAll(body)
	if err == nil {
		err = proto.Unmarshal(text, into)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

func textOf(attributes []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range attributes {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			out[a.Key] = fmt.Sprint(v.IntValue)
		}
	}
	return out
}
