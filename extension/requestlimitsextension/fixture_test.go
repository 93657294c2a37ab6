package requestlimitsextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
)

// keyring authenticates whoever presents a key that does not begin with "bad"; the key named platform has a scope.
type keyring struct {
	component.StartFunc
	component.ShutdownFunc
}

func (keyring) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	key := strings.Join(append(sources["X-Api-Key"], sources["x-api-key"]...), "")
	if key == "" || strings.HasPrefix(key, "bad") {
		return ctx, errors.New("API key is unknown")
	}
	id := &apikey.Identity{KeyID: key}
	if key == "platform" {
		id.Scopes = []string{"telemetry:write_any"}
	}
	info := client.FromContext(ctx)
	info.Auth = &keyauth.Data{Identity: id}
	return client.NewContext(ctx, info), nil
}

type fakeHost map[component.ID]component.Component

func (h fakeHost) GetExtensions() map[component.ID]component.Component { return h }

// gate is a pipeline that tells of each call that has reached it and, until it is opened, holds it.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func newGate() *gate { return &gate{entered: make(chan struct{}, 1000), open: make(chan struct{})} }

func (g *gate) ConsumeTraces(context.Context, ptrace.Traces) error {
	g.entered <- struct{}{}
	<-g.open
	return nil
}

func (*gate) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// server is the OTLP receiver with authentication and the extension.
type server struct {
	limits    *limits
	telemetry *componenttest.Telemetry
	gate      *gate
	http      string
	grpc      *grpc.ClientConn
}

func serve(t *testing.T, change func(*Config)) *server {
	t.Helper()
	ctx := context.Background()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	s := &server{telemetry: componenttest.NewTelemetry(), gate: newGate()}
	var err error
	s.limits, err = newLimits(cfg, s.telemetry.NewTelemetrySettings())
	require.NoError(t, err)
	host := fakeHost{component.MustNewID("request_limits"): s.limits, component.MustNewID("keys"): keyring{}}

	httpAddress, grpcAddress := freeAddress(t), freeAddress(t)
	protocol := func(address string) map[string]any {
		return map[string]any{"endpoint": address, "auth": map[string]any{"authenticator": "keys"}, "middlewares": []any{map[string]any{"id": "request_limits"}}}
	}
	overHTTP := protocol(httpAddress)
	overHTTP["max_request_body_size"] = 4 << 20
	factory := otlpreceiver.NewFactory()
	rc := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": overHTTP, "grpc": protocol(grpcAddress)}}).Unmarshal(rc))
	r, err := factory.CreateTraces(ctx, receivertest.NewNopSettings(factory.Type()), rc, s.gate)
	require.NoError(t, err)
	require.NoError(t, r.Start(ctx, host))
	s.http = "http://" + httpAddress
	s.grpc, err = grpc.NewClient(grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.grpc.Close())
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, r.Shutdown(ctx))
		require.Eventually(t, s.limits.places.allFree, 10*time.Second, time.Millisecond, "every place is given back")
		require.NoError(t, s.limits.Shutdown(ctx))
		require.NoError(t, s.telemetry.Shutdown(ctx))
	})
	return s
}

func (p *places) allFree() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken == 0 && len(p.of) == 0
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// got is an answer over HTTP with the OTLP status in it.
type got struct {
	status     int
	retryAfter string
	code       int32
	message    string
}

// post sends a body; contentType may name a compression, as in "application/json gzip".
func (s *server) post(t *testing.T, key, path, contentType string, data []byte) got {
	contentType, compression, _ := strings.Cut(contentType, " ")
	if compression == "gzip" {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write(data)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		data = b.Bytes()
	}
	req, err := http.NewRequest(http.MethodPost, s.http+path, bytes.NewReader(data))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Api-Key", key)
	if compression != "" {
		req.Header.Set("Content-Encoding", compression)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	g := got{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After")}
	if resp.Header.Get("Content-Type") == protobuf && resp.StatusCode >= 400 {
		var in spb.Status
		require.NoError(t, proto.Unmarshal(text, &in))
		g.code, g.message = in.Code, in.Message
	}
	return g
}

// export sends a body over gRPC.
func (s *server) export(ctx context.Context, key string, r ptraceotlp.ExportRequest) error {
	_, err := ptraceotlp.NewGRPCClient(s.grpc).Export(grpcmetadata.AppendToOutgoingContext(ctx, "x-api-key", key), r)
	return err
}

const protobuf = "application/x-protobuf"

func oneSpan() ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	newSpan(td.ResourceSpans().AppendEmpty())
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func deepSpan(depth int) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	nested(newSpan(td.ResourceSpans().AppendEmpty()).Attributes().PutEmpty("k"), depth)
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func encoded(t *testing.T, r ptraceotlp.ExportRequest) []byte {
	data, err := r.MarshalProto()
	require.NoError(t, err)
	return data
}
