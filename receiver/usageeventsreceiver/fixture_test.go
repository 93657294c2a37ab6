package usageeventsreceiver

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/disco-platform/mirrorball/receiver/usageeventsreceiver/internal/metadata"
)

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// start runs a receiver and returns the URL to send events to.
func start(t testing.TB, next consumer.Logs, host component.Host, change func(*Config)) string {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.NetAddr.Endpoint = freeAddress(t)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	r, err := NewFactory().CreateLogs(context.Background(), receivertest.NewNopSettings(metadata.Type), cfg, next)
	require.NoError(t, err)
	if host == nil {
		host = componenttest.NewNopHost()
	}
	require.NoError(t, r.Start(context.Background(), host))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, r.Shutdown(context.Background()))
	})
	return "http://" + cfg.NetAddr.Endpoint + cfg.Path
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string

	Accepted int
	Rejected []rejection
	Title    string
	Detail   string
	Status   int
}

func send(t testing.TB, method, url string, header map[string]string, body string) answer {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(raw)}
	if len(raw) > 0 {
		require.NoError(t, json.Unmarshal(raw, &a), "every answer with a body is JSON")
	}
	if a.status >= 400 && method != http.MethodHead {
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
		require.Equal(t, a.status, a.Status)
	}
	return a
}

func post(t testing.TB, url, mediaType, body string) answer {
	return send(t, http.MethodPost, url, map[string]string{"Content-Type": mediaType}, body)
}

// event is a valid event with more members.
func event(members string) string {
	return `{"specversion":"1.0","id":"1","source":"/shop","type":"cart.filled"` + members + `}`
}

// attributesOf are the attributes of the only record in sink.
func attributesOf(t testing.TB, sink *consumertest.LogsSink) map[string]any {
	t.Helper()
	require.Equal(t, 1, sink.LogRecordCount())
	return sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw()
}
