package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// accessVariable, when it is not empty, has the tests of access run at full size: minutes in place of seconds.
const accessVariable = "MIRRORBALL_ACCESS_FULL"

// sized is what a test of access takes in CI, or at full size.
func sized(ci, full int) int {
	if os.Getenv(accessVariable) != "" {
		return full
	}
	return ci
}

// httpClient keeps as many connections as tests have callers; by default there would be two to a collector, and new ones all the time.
var httpClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// cluster is three collectors on one database, and the operator's way to it.
type cluster struct {
	collectors [3]*collector
	registry   *postgres.Registry
	platform   string // a key that may verify others
	admin      string
	wire       *deafWire
}

// startCluster has the first collector run Postgres, and all look for it behind a wire that can lose their notices.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	const pepper = "pepper of three collectors"
	first := startCollector(t, "MIRRORBALL_PEPPER="+pepper)
	dsn := first.dsn(t)
	c := &cluster{platform: first.key("platform"), admin: first.key("admin"), wire: newDeafWire(t, dsn)}
	c.collectors[0] = first
	for i := range c.collectors[1:] {
		c.collectors[i+1] = startCollector(t, "MIRRORBALL_PEPPER="+pepper, "DATABASE_URL="+c.wire.dsn)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, MaxConns: 4})
	require.NoError(t, err)
	t.Cleanup(db.Close)
	c.registry = postgres.NewRegistry(db, postgres.Pepper(pepper))
	return c
}

// keys makes customers' keys, each with a limit of requests an hour; 0 is none.
func (c *cluster) keys(t *testing.T, n int, perHour int64) []*accounts.NewKey {
	t.Helper()
	owner := c.collectors[0].register(fingerprint(t.Name())[:12]+"@example.com", "Access", "live")
	keys := make([]*accounts.NewKey, n)
	for i := range keys {
		var err error
		keys[i], err = c.registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{
			UserID: owner.UserID, Environment: "live", Scopes: accounts.CustomerScopes, PerHour: perHour,
		})
		require.NoError(t, err)
	}
	return keys
}

// deafWire passes everything on but, while it is deaf, the connections on which somebody listens for notices: those stay
// open and nothing goes through.
type deafWire struct {
	dsn    string
	server string
	deaf   atomic.Bool
}

func newDeafWire(t *testing.T, dsn string) *deafWire {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &deafWire{server: u.Host}
	u.Host = listener.Addr().String()
	w.dsn = u.String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.carry(conn)
		}
	})
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return w
}

func (w *deafWire) carry(client net.Conn) {
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		_ = client.Close()
		return
	}
	var listens atomic.Bool
	go w.copy(client, server, &listens)
	w.copy(server, client, &listens)
}

func (w *deafWire) copy(from, to net.Conn, listens *atomic.Bool) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("LISTEN mirrorball_keys")) {
			listens.Store(true)
		}
		if listens.Load() && w.deaf.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// accepts reports whether a call with a key is let through: no when the answer is that the key is not good or has used up its limit.
func (c *collector) accepts(method, port, path, contentType, key string) (bool, error) {
	req, err := http.NewRequest(method, c.url(port, path), http.NoBody)
	if err != nil {
		return false, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := httpClient.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return false, err
	case resp.StatusCode == http.StatusOK:
		return true, nil
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusTooManyRequests:
		return false, nil
	}
	return false, fmt.Errorf("answer %d: %s", resp.StatusCode, body)
}

// verifiedBody reads the answer to POST /keys/verify.
func verifiedBody(body []byte) (bool, error) {
	var answer struct{ Valid bool }
	err := json.Unmarshal(body, &answer)
	return answer.Valid, err
}

// rawKeyOf reads the key of an answer that has one.
func rawKeyOf(body []byte) string {
	var answer struct {
		Key string `json:"api_key"`
	}
	_ = json.Unmarshal(body, &answer) // an answer without one fails the call with it
	return answer.Key
}
