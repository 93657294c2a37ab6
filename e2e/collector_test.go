package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
)

// collector is one run, or several in a row, of bin/mirrorball on a data folder of its own.
type collector struct {
	t     *testing.T
	data  string
	env   []string
	ports map[string]int
	// overlay is a configuration that changes the example's; empty for none.
	overlay string
	cmd     *exec.Cmd
	done    chan error
	log     *os.File
}

// portNames are the variables of examples/local.yaml.
var portNames = []string{"OTLP_GRPC", "OTLP_HTTP", "EVENTS", "API", "HEALTH", "METRICS"}

// newCollector prepares a collector with the embedded Postgres; start runs it.
func newCollector(t *testing.T, env ...string) *collector {
	t.Helper()
	requireBinaries(t)
	// Not t.TempDir: the embedded server runs as another user when the tests run as root, and needs to reach it.
	data, err := os.MkdirTemp("", "mirrorball-e2e-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(data, 0o755))
	c := &collector{t: t, data: data, env: env, ports: map[string]int{}}
	for _, name := range portNames {
		c.ports[name] = freePort(t)
	}
	log, err := os.Create(filepath.Join(data, "mirrorball.log"))
	require.NoError(t, err)
	c.log = log
	t.Cleanup(func() {
		c.stop()
		_ = log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("end of the collector's log:\n%s", tail(string(text), 40))
		}
		_ = os.RemoveAll(data)
	})
	return c
}

func startCollector(t *testing.T, env ...string) *collector {
	t.Helper()
	c := newCollector(t, env...)
	c.start()
	c.waitReady()
	return c
}

func (c *collector) start() {
	c.t.Helper()
	c.cmd = exec.Command("../bin/mirrorball", "--config", "../examples/local.yaml")
	if c.overlay != "" {
		c.cmd.Args = append(c.cmd.Args, "--config", c.overlay)
	}
	c.cmd.Env = append(os.Environ(), "MIRRORBALL_DATA="+c.data, "DATABASE_URL=")
	for name, port := range c.ports {
		c.cmd.Env = append(c.cmd.Env, fmt.Sprintf("MIRRORBALL_%s_PORT=%d", name, port))
	}
	c.cmd.Env = append(c.cmd.Env, c.env...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	require.NoError(c.t, c.cmd.Start())
	c.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan error) { done <- cmd.Wait() }(c.cmd, c.done)
}

// waitReady returns once health answers 200, which it does when data can be taken.
func (c *collector) waitReady() {
	c.t.Helper()
	deadline := time.After(90 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-c.done:
			c.done <- err
			c.t.Fatalf("the collector ended before it was ready: %v", err)
		case <-deadline:
			c.t.Fatal("the collector was not ready within 90 s")
		case <-tick.C:
			resp, err := http.Get(c.url("HEALTH", "/"))
			if err != nil {
				continue
			}
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
}

// stop ends the collector as an operator would.
func (c *collector) stop() { c.end(syscall.SIGTERM) }

// kill ends it as the kernel would.
func (c *collector) kill() { c.end(syscall.SIGKILL) }

func (c *collector) end(sig syscall.Signal) {
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Signal(sig)
	select {
	case <-c.done:
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
		c.t.Error("the collector did not end within 30 s")
	}
	c.cmd = nil
}

func (c *collector) url(port, path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", c.ports[port], path)
}

// key reads one of the keys that the first start wrote.
func (c *collector) key(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.data, name+".key"))
	require.NoError(c.t, err)
	return strings.TrimSpace(string(text))
}

// customer is a registered user with its key.
type customer struct{ Key, KeyID, UserID, OrganizationID, RegisteredAt string }

func (c *collector) register(email, organization, environment string) customer {
	c.t.Helper()
	status, body := c.call(http.MethodPost, "/users/register", "", map[string]string{
		"email": email, "organization": organization, "name": "E2E", "use_case": "testing",
		"expected_volume": "low", "environment": environment,
	})
	require.Equalf(c.t, http.StatusCreated, status, "%s", body)
	return customerOf(c.t, body)
}

// customerOf reads the answer to a registration.
func customerOf(t *testing.T, body []byte) customer {
	t.Helper()
	var answer struct {
		APIKey string `json:"api_key"`
		Key    struct {
			ID string `json:"id"`
		} `json:"key"`
		User struct {
			ID        string `json:"id"`
			CreatedAt string `json:"created_at"`
		} `json:"user"`
		Organization struct {
			ID string `json:"id"`
		} `json:"organization"`
	}
	require.NoError(t, json.Unmarshal(body, &answer))
	require.NotEmpty(t, answer.APIKey, "%s", body)
	return customer{
		Key: answer.APIKey, KeyID: answer.Key.ID, UserID: answer.User.ID, OrganizationID: answer.Organization.ID,
		RegisteredAt: answer.User.CreatedAt,
	}
}

// call asks the API; body is sent as JSON unless nil.
func (c *collector) call(method, path, key string, body any) (int, []byte) {
	c.t.Helper()
	resp, text := c.exchange(method, path, key, body)
	return resp.StatusCode, text
}

// exchange is call for those who want to see the headers too.
func (c *collector) exchange(method, path, key string, body any) (*http.Response, []byte) {
	c.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		require.NoError(c.t, err)
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.url("API", path), reader)
	require.NoError(c.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp, text
}

// get asks the API and reads the answer with its numbers as they are written.
func (c *collector) get(path, key string) map[string]any {
	c.t.Helper()
	status, body := c.call(http.MethodGet, path, key, nil)
	require.Equalf(c.t, http.StatusOK, status, "%s: %s", path, body)
	return readJSON(c.t, string(body)).(map[string]any)
}

// reconcile runs mirrorctl reconcile and requires it to find statistics equal to a recount.
func (c *collector) reconcile() string {
	c.t.Helper()
	return c.mirrorctl("reconcile")
}

// createKey makes a further key for a user.
func (c *collector) createKey(owner customer, more ...string) customer {
	c.t.Helper()
	out := c.mirrorctl(append([]string{"keys", "create", "--output", "json", "--user", owner.UserID}, more...)...)
	made := readJSON(c.t, out).(map[string]any)
	owner.Key, owner.KeyID = made["api_key"].(string), made["key"].(map[string]any)["id"].(string)
	return owner
}

// mirrorctl runs the operator's tool and returns what it writes.
func (c *collector) mirrorctl(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("../bin/mirrorctl", args...)
	cmd.Env = append(os.Environ(), "MIRRORBALL_DATA="+c.data, "DATABASE_URL=")
	cmd.Env = append(cmd.Env, c.env...)
	out, err := cmd.CombinedOutput()
	require.NoErrorf(c.t, err, "%s", out)
	return string(out)
}

func requireBinaries(t *testing.T) {
	t.Helper()
	for _, name := range []string{"../bin/mirrorball", "../bin/mirrorctl"} {
		if _, err := os.Stat(name); err != nil {
			t.Fatalf("%s is missing: run `make build` first", name)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := embedded.FreePort()
	require.NoError(t, err)
	return port
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// sameNumber compares two decimals exactly.
func sameNumber(a, b string) bool {
	x, ok := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	return ok && ok2 && x.Cmp(y) == 0
}

// metric is the sum of one of the collector's own metrics, over all attributes; 0 when there is none of that name.
func (c *collector) metric(name string) (sum float64) {
	c.t.Helper()
	resp, err := http.Get(c.url("METRICS", "/metrics"))
	require.NoError(c.t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, resp.Body.Close())
	for line := range strings.Lines(string(body)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && (fields[0] == name || strings.HasPrefix(fields[0], name+"{") || strings.HasPrefix(fields[0], name+"_total")) {
			n, err := strconv.ParseFloat(fields[1], 64)
			require.NoError(c.t, err)
			sum += n
		}
	}
	return sum
}
