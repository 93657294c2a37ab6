package auto

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/otlptest"
)

const childVariable = "MIRRORBALL_TEST_CHILD_API"

// TestMain runs the test binary a second time as the program that has nothing but the blank import: the package
// acts when it is initialised.
func TestMain(m *testing.M) {
	if address := os.Getenv(childVariable); address != "" {
		child(address)
		return
	}
	os.Exit(m.Run())
}

// child calls the API as any program would, and clones the default transport as many libraries do.
func child(address string) {
	for _, client := range []*http.Client{
		http.DefaultClient,
		{Transport: http.DefaultTransport.(*http.Transport).Clone()}, //nolint:forcetypeassert // this is the test
	} {
		resp, err := client.Get(address + "/agents?token=secret") //nolint:noctx // as any program would
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := Shutdown(ctx); err != nil {
		panic(err)
	}
}

func TestBlankImport(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		agents := make(chan string, 2)
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { agents <- r.Header.Get("X-User-Email") })
		api := httptest.NewUnstartedServer(handler)
		env := []string{}
		if secure {
			api.EnableHTTP2 = true
			api.StartTLS()
			env = append(env, "SSL_CERT_FILE="+certificateFile(t, api))
		} else {
			api.Start()
		}
		defer api.Close()
		got, output := run(t, api.URL, env...)
		require.Empty(t, output, "the host's output is its own")
		require.Equal(t, "ada@example.com", <-agents)
		require.Empty(t, <-agents, "a clone is not instrumented, and works")
		spans := got.Spans()
		require.Len(t, spans, 1)
		require.Equal(t, "/agents", spans[0].Attributes["url.path"])
		require.Equal(t, "ada@example.com", spans[0].Resource["user.email"])
		require.Equal(t, "Bearer dk_test_x", got.Headers()[0].Get("Authorization"))
	}
}

func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.NotFoundHandler())
	defer api.Close()
	got, output := run(t, api.URL, "DISCO_TELEMETRY=off")
	require.Empty(t, output)
	require.Empty(t, got.Headers())
}

func run(t *testing.T, api string, env ...string) (*otlptest.Collector, string) {
	t.Helper()
	collector := &otlptest.Collector{}
	server := httptest.NewServer(collector)
	t.Cleanup(server.Close)
	u, err := url.Parse(api)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), childVariable+"="+api, "DISCO_API_HOSTS="+u.Host, "DISCO_API_KEY=dk_test_x",
		"DISCO_USER_EMAIL=ada@example.com", "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL), env...)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	return collector, string(output)
}

func certificateFile(t *testing.T, server *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "root.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	return file
}
