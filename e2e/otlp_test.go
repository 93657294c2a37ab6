package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// span is one call as a test writes it down.
type span struct {
	kind       ptrace.SpanKind
	start      time.Time
	took       time.Duration
	attributes map[string]any
}

// traces makes one request of spans with random ids, so that sending the same value again repeats it.
func traces(spans ...span) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, s := range spans {
		out := ss.AppendEmpty()
		var id [24]byte
		_, _ = rand.Read(id[:])
		out.SetTraceID(pcommon.TraceID(id[:16]))
		out.SetSpanID(pcommon.SpanID(id[16:]))
		out.SetKind(s.kind)
		out.SetName("call")
		out.SetStartTimestamp(pcommon.NewTimestampFromTime(s.start))
		out.SetEndTimestamp(pcommon.NewTimestampFromTime(s.start.Add(s.took)))
		_ = out.Attributes().FromRaw(s.attributes)
	}
	return td
}

func fingerprint(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// postTraces sends over OTLP/HTTP and returns the status.
func (c *collector) postTraces(key string, td ptrace.Traces) int {
	c.t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(c.t, err)
	status, _, err := c.postOTLP("/v1/traces", key, body)
	require.NoError(c.t, err)
	return status
}

func (c *collector) postLogs(key string, ld plog.Logs) int {
	c.t.Helper()
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(c.t, err)
	status, _, err := c.postOTLP("/v1/logs", key, body)
	require.NoError(c.t, err)
	return status
}

func (c *collector) postMetrics(key string, md pmetric.Metrics) int {
	c.t.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(c.t, err)
	status, _, err := c.postOTLP("/v1/metrics", key, body)
	require.NoError(c.t, err)
	return status
}

func (c *collector) postOTLP(path, key string, body []byte) (int, []byte, error) {
	return c.post("OTLP_HTTP", path, "application/x-protobuf", key, body)
}

func (c *collector) post(port, path, contentType, key string, body []byte) (int, []byte, error) {
	req, err := http.NewRequest(http.MethodPost, c.url(port, path), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// grpcTraces sends over OTLP/gRPC.
func (c *collector) grpcTraces(key string, td ptrace.Traces) error {
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", c.ports["OTLP_GRPC"]), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+key)
	_, err = ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	return err
}

// events posts CloudEvents as a batch and requires that all were taken.
func (c *collector) events(t *testing.T, key, batch string) {
	t.Helper()
	status, answer, err := c.post("EVENTS", "/events", "application/cloudevents-batch+json", key, []byte(batch))
	require.NoError(t, err)
	require.Equalf(t, http.StatusAccepted, status, "%s", answer)
}
