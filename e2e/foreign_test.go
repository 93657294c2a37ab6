package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
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
	for name, client := range map[string]func(*testing.T, *collector){
		"Telemetrygen":       telemetrygenCounts,
		"TelemetrygenTotals": telemetrygenTotals,
		"CloudEventsSDK":     cloudEventsSDK,
		"Curl":               curl,
		"PlainOpenTelemetry": plainOpenTelemetry,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client(t, c)
		})
	}
}

func telemetrygenCounts(t *testing.T, c *collector) {
	user := c.register("telemetrygen@example.com", "Telemetrygen", "live")
	// Each trace is one CLIENT span with one SERVER child. The platform's key reports them for the user: the SERVER spans are
	// the requests.
	c.telemetrygen(t, c.key("platform"), "traces", "--traces", "150", "--child-spans", "1",
		"--telemetry-attributes", `http.request.method="GET"`, "--telemetry-attributes", `http.route="/generated"`,
		"--telemetry-attributes", fmt.Sprintf(`disco.api_key.fingerprint=%q`, fingerprint(user.Key)))
	// From the user's own key the same SERVER spans are its own business; log records without an event name are nothing.
	c.telemetrygen(t, user.Key, "traces", "--traces", "40", "--telemetry-attributes", `http.request.method="GET"`)
	c.telemetrygen(t, user.Key, "logs", "--logs", "25")

	a := c.get("/analytics/usage", user.Key)
	equalNumbers(t, a["overview"].(map[string]any), map[string]string{"total_requests": "150", "error_count": "0"})
	require.Empty(t, a["features"])
	require.Equal(t, "not_usage=105", c.ledger(t, user), "two spans to a trace, and the records")
}

// What telemetrygen measures is kept as reported totals, each point once, and adds to nothing. Points of a stream are told
// apart by their time, to the microsecond. Without batches an answer comes between any two of them, so no two share one, and
// each of the gauge's values 0, 1, 2, … is there. In batches telemetrygen is fast enough that two may: then one counts as a
// repetition of the other, and only the ledger has all of them.
func telemetrygenTotals(t *testing.T, c *collector) {
	user := c.register("totals@example.com", "Totals", "live")
	totals := func() string {
		return c.query(t, `SELECT concat_ws(' ', count(*), count(DISTINCT stream), count(DISTINCT time), sum(value)) FROM reported_totals r
			JOIN api_keys k ON k.seq = r.key WHERE k.id = '`+user.KeyID+`'`)
	}
	c.telemetrygen(t, user.Key, "metrics", "--metrics", "30", "--batch=false", "--otlp-metric-name", "gen")
	require.Equal(t, "30 1 30 435", totals(), "points, streams, times, and 0 + 1 + … + 29")
	require.Equal(t, "stored=30", c.ledger(t, user))

	c.telemetrygen(t, user.Key, "metrics", "--metrics", "30", "--otlp-metric-name", "other")
	require.Equal(t, "60 t", c.query(t, `SELECT concat_ws(' ', sum(l.count) FILTER (WHERE l.outcome IN ('stored', 'repeated')),
		sum(l.count) FILTER (WHERE l.outcome = 'stored') = (SELECT count(*) FROM reported_totals r WHERE r.key = k.seq))
		FROM ingest_ledger l JOIN api_keys k ON k.seq = l.key WHERE k.id = '`+user.KeyID+`' GROUP BY k.seq`))
	equalNumbers(t, c.get("/analytics/usage", user.Key)["overview"].(map[string]any), map[string]string{"total_requests": "0"})
}

func cloudEventsSDK(t *testing.T, c *collector) {
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
}

func curl(t *testing.T, c *collector) {
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
}

// plainOpenTelemetry is a program with the platform's key and no sdkinstrumentation: host sampling as it pleases.
func plainOpenTelemetry(t *testing.T, c *collector) {
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
}

// ledger is what became of the records that were sent with a user's key.
func (c *collector) ledger(t *testing.T, user customer) string {
	t.Helper()
	return c.query(t, `SELECT string_agg(outcome || '=' || n, ' ' ORDER BY outcome) FROM (
		SELECT l.outcome, sum(l.count) AS n FROM ingest_ledger l JOIN api_keys k ON k.seq = l.key WHERE k.id = '`+user.KeyID+`' GROUP BY l.outcome) q`)
}

// telemetrygen runs the Collector project's own load generator.
func (c *collector) telemetrygen(t *testing.T, key, signal string, more ...string) {
	t.Helper()
	args := append([]string{signal, "--otlp-http", "--otlp-insecure", "--otlp-endpoint", fmt.Sprintf("127.0.0.1:%d", c.ports["OTLP_HTTP"]),
		"--rate", "0", "--workers", "1", "--otlp-header", fmt.Sprintf(`Authorization="Bearer %s"`, key)}, more...)
	out, err := exec.Command(telemetrygenBinary(t), args...).CombinedOutput()
	require.NoErrorf(t, err, "%s", out)
}

var buildTelemetrygen = sync.OnceValues(func() (string, error) {
	folder, err := filepath.Abs("../bin")
	if err != nil {
		return "", err
	}
	out := filepath.Join(folder, "telemetrygen")
	cmd := exec.Command("go", "build", "-o", out, "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen")
	cmd.Dir = "tools"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return out, nil
})

// telemetrygenBinary is built once from its module, beside the other programs.
func telemetrygenBinary(t *testing.T) string {
	t.Helper()
	path, err := buildTelemetrygen()
	require.NoError(t, err)
	return path
}
