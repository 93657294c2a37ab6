package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Clients that nobody of this project wrote are counted right.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	c := startCollector(t)

	t.Run("Telemetrygen", func(t *testing.T) {
		t.Parallel()
		user := c.register("telemetrygen@example.com", "Telemetrygen", "live")
		gen := telemetrygen(t)
		endpoint := fmt.Sprintf("127.0.0.1:%d", c.ports["OTLP_HTTP"])
		run := func(signal, key string, more ...string) {
			t.Helper()
			args := append([]string{signal, "--otlp-http", "--otlp-insecure", "--otlp-endpoint", endpoint, "--rate", "0", "--workers", "1",
				"--otlp-header", fmt.Sprintf(`Authorization="Bearer %s"`, key)}, more...)
			out, err := exec.Command(gen, args...).CombinedOutput()
			require.NoErrorf(t, err, "%s", out)
		}
		// Each trace is one CLIENT span with one SERVER child. The platform's key reports them for the user: the SERVER spans are
		// the requests.
		run("traces", c.key("platform"), "--traces", "150", "--child-spans", "1",
			"--telemetry-attributes", `http.request.method="GET"`, "--telemetry-attributes", `http.route="/generated"`,
			"--telemetry-attributes", fmt.Sprintf(`disco.api_key.fingerprint=%q`, fingerprint(user.Key)))
		// From the user's own key the same SERVER spans are its own business, and its metrics are never added.
		run("traces", user.Key, "--traces", "40", "--telemetry-attributes", `http.request.method="GET"`)
		run("metrics", user.Key, "--metrics", "30", "--otlp-metric-name", "gen")
		run("logs", user.Key, "--logs", "25")

		equalNumbers(t, c.get("/analytics/usage", user.Key)["overview"].(map[string]any), map[string]string{"total_requests": "150", "error_count": "0"})
		// 30 data points were sent. Some fall into one microsecond and are then one; the ledger of the sender counts all of them.
		require.Equal(t, "30", c.query(t, "SELECT sum(l.count)::text FROM ingest_ledger l JOIN api_keys k ON k.seq = l.key WHERE l.outcome IN ('stored', 'repeated') AND k.id = '"+user.KeyID+"'"))
	})

	t.Run("CloudEventsSDK", func(t *testing.T) {
		t.Parallel()
		user := c.register("cloudevents@example.com", "CloudEvents", "live")
		client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(c.url("EVENTS", "/events")), cloudevents.WithHeader("Authorization", "Bearer "+user.Key))
		require.NoError(t, err)
		for i := range 7 {
			e := cloudevents.NewEvent()
			e.SetID(fmt.Sprint("id-", i))
			e.SetSource("urn:test")
			e.SetType("workflow.finished")
			e.SetTime(time.Now().Add(-time.Hour))
			require.NoError(t, e.SetData(cloudevents.ApplicationJSON, map[string]any{"agent.id": fmt.Sprint("agent-", i%3)}))
			ctx := context.Background()
			if i%2 == 0 {
				ctx = cloudevents.WithEncodingStructured(ctx)
			}
			for range 2 { // each is sent twice
				require.True(t, cloudevents.IsACK(client.Send(ctx, e)))
			}
		}
		a := c.get("/analytics/usage", user.Key)
		equalNumbers(t, a["overview"].(map[string]any), map[string]string{"total_requests": "0", "unique_agents": "3"})
		require.Equal(t, "7", c.query(t, "SELECT sum(s.count)::text FROM usage_statistics s JOIN api_keys k ON k.seq = s.key WHERE s.dimension = 5 AND k.id = '"+user.KeyID+"'"))
	})

	t.Run("Curl", func(t *testing.T) {
		t.Parallel()
		curl, err := exec.LookPath("curl")
		if err != nil {
			t.Fatal("curl is not installed")
		}
		user := c.register("curl@example.com", "Curl", "live")
		out, err := exec.Command(curl, "-fsS", c.url("EVENTS", "/events"), "-H", "Authorization: Bearer "+user.Key,
			"-H", "Content-Type: application/json", "-H", "ce-specversion: 1.0", "-H", "ce-id: 1", "-H", "ce-source: /curl", "-H", "ce-type: shell.ran",
			"-d", `{"agent.id":"shell"}`).CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
		out, err = exec.Command(curl, "-fsS", c.url("API", "/analytics/usage"), "-H", "Authorization: Bearer "+user.Key).CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
		require.Contains(t, string(out), "shell.ran")
	})

	// A plain OpenTelemetry program with the platform's key: no sdkinstrumentation, host sampling as it pleases.
	t.Run("PlainOpenTelemetry", func(t *testing.T) {
		t.Parallel()
		user := c.register("otel@example.com", "OTel", "live")
		ctx := context.Background()
		exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(fmt.Sprintf("127.0.0.1:%d", c.ports["OTLP_GRPC"])), otlptracegrpc.WithInsecure(),
			otlptracegrpc.WithHeaders(map[string]string{"authorization": "Bearer " + c.key("platform")}))
		require.NoError(t, err)
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
		for i := range 33 {
			status := 200
			if i%3 == 0 {
				status = 503
			}
			_, s := provider.Tracer("plain").Start(ctx, "GET /orders", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
				attribute.String("http.request.method", "GET"), attribute.String("url.path", fmt.Sprintf("/orders/%d", 1000+i)),
				attribute.Int("http.response.status_code", status), attribute.String("disco.api_key.fingerprint", fingerprint(user.Key))))
			s.End()
		}
		require.NoError(t, provider.Shutdown(ctx))
		a := c.get("/analytics/usage", user.Key)
		equalNumbers(t, a["overview"].(map[string]any), map[string]string{"total_requests": "33", "error_count": "11", "error_rate": "33.33"})
		endpoints := a["top_endpoints"].([]any)
		require.Len(t, endpoints, 1, "ids in paths are not endpoints")
		require.Equal(t, "/orders/{id}", endpoints[0].(map[string]any)["endpoint"])
	})
}

// telemetrygen builds the Collector project's own load generator from its module.
func telemetrygen(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "telemetrygen")
	cmd := exec.Command("go", "build", "-o", out, "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen")
	cmd.Dir = "tools"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	text, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "%s", text)
	return out
}
