package packedspansextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/disco-platform/mirrorball/extension/packedspansextension/internal/metadatatest"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/internal/packed"
)

const (
	protobuf   = "application/x-protobuf"
	maxBody    = 1 << 20
	withPacker = true
)

// keyring authenticates everybody; the key named platform has a scope, and the one named stranger cannot be looked up.
type keyring struct {
	component.StartFunc
	component.ShutdownFunc
}

func (keyring) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	data := &keyauth.Data{}
	switch key := strings.Join(sources["X-Api-Key"], ""); key {
	case "":
		return ctx, errors.New("no API key")
	case "stranger":
	case "platform":
		data.Identity = &apikey.Identity{KeyID: key, Scopes: []string{apikey.ScopeTelemetryWriteAny}}
	default:
		data.Identity = &apikey.Identity{KeyID: key}
	}
	info := client.FromContext(ctx)
	info.Auth = data
	return client.NewContext(ctx, info), nil
}

type fakeHost map[component.ID]component.Component

func (h fakeHost) GetExtensions() map[component.ID]component.Component { return h }

// pipeline keeps what reaches it: the trace ids of spans, whether they were carried or not.
type pipeline struct {
	mu      sync.Mutex
	spans   map[pcommon.TraceID]int
	carried int // requests that were marked
}

func (p *pipeline) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := packed.FromContext(ctx)
	if r != nil {
		p.carried++
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				spans := r.Of(span)
				if spans == nil {
					p.spans[span.TraceID()]++
				} else if err := r.Each(spans, func(_ packed.Reading, s *packed.Span) { p.spans[s.TraceID]++ }); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (*pipeline) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

type server struct {
	url       string
	pipeline  *pipeline
	telemetry *componenttest.Telemetry
}

// serve is the OTLP receiver with authentication and, if wanted, the extension.
func serve(t *testing.T, packing bool) *server {
	t.Helper()
	ctx := context.Background()
	s := &server{pipeline: &pipeline{spans: map[pcommon.TraceID]int{}}, telemetry: componenttest.NewTelemetry()}
	p, err := newPacker(s.telemetry.NewTelemetrySettings())
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	overHTTP := map[string]any{"endpoint": address, "auth": map[string]any{"authenticator": "keys"}, "max_request_body_size": maxBody}
	if packing {
		overHTTP["middlewares"] = []any{map[string]any{"id": "packed_spans"}}
	}
	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": overHTTP}}).Unmarshal(cfg))
	r, err := factory.CreateTraces(ctx, receivertest.NewNopSettings(factory.Type()), cfg, s.pipeline)
	require.NoError(t, err)
	require.NoError(t, r.Start(ctx, fakeHost{component.MustNewID("packed_spans"): p, component.MustNewID("keys"): keyring{}}))
	s.url = "http://" + address
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, r.Shutdown(ctx))
		require.NoError(t, p.Shutdown(ctx))
		require.NoError(t, s.telemetry.Shutdown(ctx))
	})
	return s
}

// post sends a body and returns the status and the text of the answer.
func (s *server) post(t assert.TestingT, key, path, contentType string, data []byte) string {
	contentType, compression, _ := strings.Cut(contentType, " ")
	req, err := http.NewRequest(http.MethodPost, s.url+path, bytes.NewReader(data))
	assert.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Api-Key", key)
	if compression != "" {
		req.Header.Set("Content-Encoding", compression)
	}
	resp, err := http.DefaultClient.Do(req)
	if !assert.NoError(t, err) {
		return ""
	}
	text, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	return fmt.Sprintf("%d %q", resp.StatusCode, text)
}

func spans(n int, start byte, name string) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for i := range n {
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{start, byte(i), byte(i >> 8), 1})
		span.SetName("GET /payments")
		span.Attributes().PutStr(name, "GET")
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func inProto(t *testing.T, r ptraceotlp.ExportRequest) []byte {
	t.Helper()
	b, err := r.MarshalProto()
	require.NoError(t, err)
	return b
}

func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestWhatIsPacked(t *testing.T) {
	t.Parallel()
	s := serve(t, withPacker)
	plain := inProto(t, spans(3, 1, "http.request.method"))
	inJSON, err := spans(3, 1, "http.request.method").MarshalJSON()
	require.NoError(t, err)
	for _, tc := range []struct {
		what, key, contentType string
		body                   []byte
		carried                int
	}{
		{"plain spans of the platform", "platform", protobuf, plain, 1},
		{"with parameters", "platform", "Application/X-Protobuf;charset=utf-8", plain, 1},
		{"compressed", "platform", protobuf + " gzip", zipped(t, plain), 1},
		{"of a customer", "alice", protobuf, plain, 0},
		{"of a key that is not known yet", "stranger", protobuf, plain, 0},
		{"spans with credentials", "platform", protobuf, inProto(t, spans(3, 1, "authorization")), 0},
		{"JSON", "platform", "application/json", inJSON, 0},
	} {
		*s.pipeline = pipeline{spans: map[pcommon.TraceID]int{}}
		require.Equal(t, `200`, s.post(t, tc.key, "/v1/traces", tc.contentType, tc.body)[:3], tc.what)
		require.Equal(t, tc.carried, s.pipeline.carried, tc.what)
		require.Equal(t, map[pcommon.TraceID]int{{1, 0, 0, 1}: 1, {1, 1, 0, 1}: 1, {1, 2, 0, 1}: 1}, s.pipeline.spans, tc.what)
	}
	form := func(name string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String("form", name)), Value: n}
	}
	metadatatest.AssertEqualExtensionPackedSpansRequests(t, s.telemetry,
		[]metricdata.DataPoint[int64]{form("packed", 3), form("as_sent", 1)}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualExtensionPackedSpansSpans(t, s.telemetry, []metricdata.DataPoint[int64]{{Value: 9}}, metricdatatest.IgnoreTimestamp())
}

// A sender is told the same with the extension and without.
func TestAnswersAreTheSame(t *testing.T) {
	t.Parallel()
	with, without := serve(t, withPacker), serve(t, !withPacker)
	plain := inProto(t, spans(3, 1, "http.request.method"))
	for what, tc := range map[string]struct {
		path, contentType string
		body              []byte
	}{
		"plain spans":            {"/v1/traces", protobuf, plain},
		"nothing":                {"/v1/traces", protobuf, nil},
		"no OTLP":                {"/v1/traces", protobuf, []byte("hello")},
		"cut off":                {"/v1/traces", protobuf, plain[:len(plain)-1]},
		"too large":              {"/v1/traces", protobuf, make([]byte, maxBody+1)},
		"too large, compressed":  {"/v1/traces", protobuf + " gzip", zipped(t, make([]byte, maxBody+1))},
		"not what it says to be": {"/v1/traces", protobuf + " gzip", plain},
		"another path":           {"/elsewhere/traces", protobuf, plain},
		"no pipeline":            {"/v1/logs", protobuf, plain},
		"another media type":     {"/v1/traces", "text/plain", plain},
	} {
		require.Equal(t, without.post(t, "platform", tc.path, tc.contentType, tc.body), with.post(t, "platform", tc.path, tc.contentType, tc.body), what)
	}
	require.Equal(t, without.pipeline.spans, with.pipeline.spans)
}

// Buffers are used again; no request ever has the spans of another.
func TestRequestsAtTheSameTime(t *testing.T) {
	t.Parallel()
	s := serve(t, withPacker)
	const senders, each, size = 8, 20, 50
	var sending sync.WaitGroup
	want := map[pcommon.TraceID]int{}
	for sender := range senders {
		for i := range size {
			want[pcommon.TraceID{byte(sender), byte(i), 0, 1}] = each
		}
		body := inProto(t, spans(size, byte(sender), "http.request.method"))
		sending.Go(func() {
			for range each {
				assert.Equal(t, "200", s.post(t, "platform", "/v1/traces", protobuf, body)[:3])
			}
		})
	}
	sending.Wait()
	require.Equal(t, want, s.pipeline.spans)
	require.Equal(t, senders*each, s.pipeline.carried)
}
