package analyticsapiextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/disco-platform/mirrorball/extension/analyticsapiextension/internal/metadata"
	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/allowance"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

var storeID = component.MustNewID("usage_store")

type fakeHost map[component.ID]component.Component

func (h fakeHost) GetExtensions() map[component.ID]component.Component { return h }

// fakeStore knows one key and answers once it may.
type fakeStore struct {
	component.StartFunc
	component.ShutdownFunc
	usagestoreextension.Store
	raw      string
	verifier *apikey.Verifier
	uses     apikey.UseLog
	refusals apikey.RefusalLog
	asked    chan struct{}
	answer   chan struct{}
}

func newFakeStore(t *testing.T) *fakeStore {
	raw, err := apikey.Generate("live", false)
	require.NoError(t, err)
	s := &fakeStore{raw: raw, asked: make(chan struct{}), answer: make(chan struct{})}
	s.verifier = apikey.NewVerifier(s, apikey.Config{})
	t.Cleanup(s.verifier.Close)
	return s
}

func (s *fakeStore) Keys() *apikey.Verifier       { return s.verifier }
func (s *fakeStore) Reader() analytics.Reader     { return s }
func (s *fakeStore) Accounts() accounts.Registry  { return nil }
func (s *fakeStore) Allowances() *allowance.Guard { return allowance.New(nil) }
func (s *fakeStore) Uses() *apikey.UseLog         { return &s.uses }
func (s *fakeStore) Refusals() *apikey.RefusalLog { return &s.refusals }
func (s *fakeStore) Derive(string) []byte         { return []byte("a secret") }

func (s *fakeStore) LookUp(_ context.Context, fingerprints ...apikey.Fingerprint) ([]*apikey.Identity, error) {
	ids := make([]*apikey.Identity, len(fingerprints))
	for i, f := range fingerprints {
		if f == apikey.FingerprintOf(s.raw) {
			ids[i] = &apikey.Identity{KeyID: "key_1", Fingerprint: f, UserID: "usr_1", Environment: "live", Scopes: accounts.CustomerScopes}
		}
	}
	return ids, nil
}

func (s *fakeStore) Watch(ctx context.Context, _ func(apikey.Change)) error {
	<-ctx.Done()
	return ctx.Err()
}

func (s *fakeStore) Usage(_ context.Context, q analytics.UsageQuestion) (*analytics.Usage, error) {
	s.asked <- struct{}{}
	<-s.answer
	return &analytics.Usage{Window: q.Window, Series: make([]analytics.Counts, len(q.Window.Periods))}, nil
}

func (s *fakeStore) KeyUse(context.Context, analytics.KeyUseQuestion) (map[string]analytics.KeyUse, error) {
	return nil, analytics.ErrUnavailable
}

func (s *fakeStore) Platform(context.Context, analytics.PlatformQuestion) (*analytics.Platform, error) {
	return nil, analytics.ErrUnavailable
}

func newServer(t *testing.T, change func(*Config)) *server {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Store = storeID
	cfg.ServerConfig.NetAddr.Endpoint = freeAddress(t)
	change(cfg)
	require.NoError(t, cfg.Validate())
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	return ext.(*server)
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (s *server) url(path string) string {
	return "http://" + s.config.ServerConfig.NetAddr.Endpoint + path
}

func TestStartNeedsTheStore(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(*Config) {})
	require.Equal(t, []component.ID{storeID}, s.Dependencies())
	require.NoError(t, s.Shutdown(t.Context()), "without Start")
	require.ErrorContains(t, s.Start(t.Context(), componenttest.NewNopHost()), `there is no extension "usage_store"`)
	require.ErrorContains(t, s.Start(t.Context(), fakeHost{storeID: s}), `"usage_store" is no usage_store`)
	require.NoError(t, s.Shutdown(t.Context()), "after a failed Start")
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	s := newServer(t, func(c *Config) { c.ServerConfig.NetAddr.Endpoint = l.Addr().String() })
	require.ErrorContains(t, s.Start(t.Context(), fakeHost{storeID: newFakeStore(t)}), "cannot listen on "+l.Addr().String())
	require.NoError(t, s.Shutdown(t.Context()))
}

// Shutdown lets a request that is being answered finish.
func TestShutdownWaitsForAnswers(t *testing.T) {
	t.Parallel()
	store := newFakeStore(t)
	s := newServer(t, func(*Config) {})
	require.NoError(t, s.Start(t.Context(), fakeHost{storeID: store}))
	status := make(chan int)
	go func() {
		r, _ := http.NewRequest(http.MethodGet, s.url("/analytics/usage"), nil)
		r.Header.Set("Authorization", "Bearer "+store.raw)
		r.Close = true
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			status <- 0
			return
		}
		response.Body.Close()
		status <- response.StatusCode
	}()
	<-store.asked
	stopped := make(chan error)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", s.config.ServerConfig.NetAddr.Endpoint)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond, "the listener is closed at once")
	select {
	case <-stopped:
		require.Fail(t, "Shutdown did not wait")
	case store.answer <- struct{}{}:
	}
	require.Equal(t, 200, <-status)
	require.NoError(t, <-stopped)
	require.NoError(t, s.Shutdown(context.Background()), "and again")
}

// The errors of the server around the API are problems too.
func TestBodiesOverTheWire(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *Config) { c.MaxInFlight = 1 })
	store := newFakeStore(t)
	require.NoError(t, s.Start(t.Context(), fakeHost{storeID: store}))
	defer func() { require.NoError(t, s.Shutdown(context.Background())) }()
	post := func(encoding string, body io.Reader) (int, string) {
		r, err := http.NewRequest(http.MethodPost, s.url("/users/register"), body)
		require.NoError(t, err)
		r.Close = true
		r.Header.Set("Content-Type", "application/json")
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
		var problem struct{ Type string }
		require.NoError(t, json.NewDecoder(response.Body).Decode(&problem))
		_, kind, _ := strings.Cut(problem.Type, "#")
		return response.StatusCode, kind
	}
	f := func(encoding string, body io.Reader, status int, kind string) {
		t.Helper()
		gotStatus, gotKind := post(encoding, body)
		require.Equal(t, fmt.Sprint(status, kind), fmt.Sprint(gotStatus, gotKind))
	}
	var packed, bomb bytes.Buffer
	pack := func(to *bytes.Buffer, text string) {
		w := gzip.NewWriter(to)
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	pack(&packed, `{"email":"no"}`)
	pack(&bomb, strings.Repeat(" ", 10<<20))
	cut := bytes.NewReader(packed.Bytes()[:packed.Len()-9])
	f("gzip", &packed, 400, "invalid-request") // reached the checks of the fields
	f("gzip", cut, 400, "invalid-request")
	f("gzip", strings.NewReader("not gzip"), 400, "invalid-request")
	f("zstd", strings.NewReader("{}"), 400, "invalid-request")
	f("gzip", &bomb, 413, "too-large")
	f("", strings.NewReader(strings.Repeat(" ", 100<<10)), 413, "too-large")

	// One request at a time: while it is being answered, another is sent away.
	go func() {
		r, _ := http.NewRequest(http.MethodGet, s.url("/analytics/usage"), nil)
		r.Header.Set("Authorization", "Bearer "+store.raw)
		r.Close = true
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
		}
	}()
	<-store.asked
	f("", strings.NewReader("{}"), 503, "unavailable")
	store.answer <- struct{}{}
}
