package httpapi_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/httpapi"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// countedStore counts the questions to a real one.
type countedStore struct {
	apikey.Store
	asked atomic.Int64
}

func (s *countedStore) LookUp(ctx context.Context, fingerprints ...apikey.Fingerprint) ([]*apikey.Identity, error) {
	s.asked.Add(1)
	return s.Store.LookUp(ctx, fingerprints...)
}

// guessed is the API on a real database, whose keys are being guessed.
type guessed struct {
	handler  http.Handler
	store    *countedStore
	refusals apikey.RefusalLog
	keys     []string // customers'
	gateway  string
	began    time.Time
}

func newGuessed(t *testing.T) *guessed {
	db := postgrestest.New(t)
	pepper := postgres.Pepper("pepper of the tests")
	registry := postgres.NewRegistry(db, pepper)
	g := &guessed{began: time.Now(), store: &countedStore{Store: postgres.NewKeyStore(db, pepper)}}
	verifier := apikey.NewVerifier(g.store, apikey.Config{})
	listening := make(chan struct{})
	go func() { defer close(listening); verifier.Run(t.Context()) }()
	t.Cleanup(func() { verifier.Close(); <-listening })
	var err error
	g.handler, err = httpapi.New(httpapi.Config{
		Reader: postgres.NewReader(db, usage.VantageServer), Accounts: registry, Keys: verifier, Limits: noLimits{},
		NoteUse: func(*apikey.Identity) {},
		NoteRefusal: func(from netip.Addr, _ *apikey.Identity, f, reason string) {
			g.refusals.Note(time.Now(), from, f, reason)
		},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, MaxInFlight: 64, Log: zap.NewNop(),
	})
	require.NoError(t, err)
	for range 50 {
		key, err := registry.CreateKey(t.Context(), access.Operator, accounts.KeySpec{Environment: "live", Scopes: []string{apikey.ScopeKeysVerify}})
		require.NoError(t, err)
		g.keys = append(g.keys, key.Raw)
	}
	g.gateway = g.keys[0]
	return g
}

// guess is one request with a key that nobody registered.
func (g *guessed) guess(key, from string, atGateway bool) int {
	r := httptest.NewRequest(http.MethodGet, "/analytics/user-info", nil)
	if atGateway {
		r = postRequest(g.gateway, "/keys/verify", strings.NewReader(fmt.Sprintf(`{"key":%q,"client_address":%q}`, key, from)))
	} else {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	r.RemoteAddr = "10.0.0.1:443"
	r.Header.Set("X-Forwarded-For", from)
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	return w.Code
}

// ask is how long the gateway's question about a registered key takes.
func (g *guessed) ask(t *testing.T, i int) time.Duration {
	began := time.Now()
	r := postRequest(g.gateway, "/keys/verify", strings.NewReader(fmt.Sprintf(`{"key":%q}`, g.keys[i%len(g.keys)])))
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	took := time.Since(began)
	assert.Equal(t, 200, w.Code)
	assert.Contains(t, w.Body.String(), `"valid":true`)
	return took
}

// A million guesses at full size: nothing is asked about what is no key, and memory is bounded. Registered keys are verified all the
// time, and how fast is printed beside the same without guesses.
func TestGuessedKeys(t *testing.T) {
	total, window := 8_000, 100*time.Millisecond
	if os.Getenv("MIRRORBALL_ACCESS_FULL") != "" {
		total, window = 1_000_000, 3*time.Second
	}
	g := newGuessed(t)
	for _, addresses := range []int{1, 10_000} {
		for kind, next := range guesses {
			t.Run(fmt.Sprintf("%s from %d", kind, addresses), func(t *testing.T) {
				from := func() string { return fmt.Sprintf("198.18.%d.%d", rand.IntN(addresses)/256, rand.IntN(addresses)%256) }
				if addresses == 1 {
					from = func() string { return "198.18.0.1" }
				}
				attack := func() { _ = g.guess(next(), from(), rand.IntN(2) == 0) }
				g.requireBounded(t, kind, total, attack)
				g.compare(t, window, attack)
			})
		}
	}
}

// guesses are ways to make up keys.
var guesses = map[string]func() string{
	"malformed": malformed,
	"unknown":   unknown,
	"both": func() string {
		if rand.IntN(2) == 0 {
			return malformed()
		}
		return unknown()
	},
}

// malformed has everything right but the checksum.
func malformed() string {
	key := []byte(unknown())
	if last := len(key) - 1; key[last] != 'x' {
		key[last] = 'x'
	} else {
		key[last] = 'y'
	}
	return string(key)
}

func unknown() string {
	key, err := apikey.Generate("live", false)
	if err != nil {
		panic(err)
	}
	return key
}

// requireBounded makes guesses as fast as sixteen callers can, which is as many as are borne at once.
func (g *guessed) requireBounded(t *testing.T, kind string, total int, attack func()) {
	before, asked := heapInUse(), g.store.asked.Load()
	var left atomic.Int64
	left.Store(int64(total))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				attack()
			}
		})
	}
	wg.Wait()
	asked = g.store.asked.Load() - asked
	grown := heapInUse() - before
	t.Logf("%d guesses, %d questions to the store, heap %+.1f MiB", total, asked, float64(grown)/(1<<20))
	if kind == "malformed" {
		// The gateway's own key is looked up when what is remembered of it is five seconds old.
		require.LessOrEqual(t, asked, int64(time.Since(g.began)/(5*time.Second))+1)
	}
	// Ten thousand keys are remembered as not registered, whatever the number of guesses.
	require.Less(t, grown, int64(16<<20))
	require.LessOrEqual(t, len(g.refusals.Drain()), 1100, "kinds of refusals told apart")
}

// compare prints how long registered keys take to be verified, in pairs of windows with and without 2,000 guesses a second.
func (g *guessed) compare(t *testing.T, window time.Duration, attack func()) {
	var quiet, loud []time.Duration
	for range 5 {
		quiet = append(quiet, g.others(t, window, func() {})...)
		loud = append(loud, g.others(t, window, attack)...)
	}
	t.Logf("registered keys: p50 %s, p99 %s; without guesses %s, %s; ratio of the p99 %.2f", quantile(loud, 0.5), quantile(loud, 0.99),
		quantile(quiet, 0.5), quantile(quiet, 0.99), float64(quantile(loud, 0.99))/float64(quantile(quiet, 0.99)))
}

// others verifies registered keys, one each millisecond, while 16 others do something 2,000 times a second together.
func (g *guessed) others(t *testing.T, window time.Duration, do func()) (took []time.Duration) {
	ctx, stop := context.WithTimeout(t.Context(), window)
	defer stop()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { paced(ctx, 8*time.Millisecond, func(int) { do() }) })
	}
	paced(ctx, time.Millisecond, func(i int) { took = append(took, g.ask(t, i)) })
	wg.Wait()
	return took
}

func paced(ctx context.Context, interval time.Duration, do func(i int)) {
	turn := time.NewTicker(interval)
	defer turn.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
			do(i)
		}
	}
}

func quantile(of []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[int(q*float64(len(sorted)-1))].Round(time.Microsecond)
}

func heapInUse() int64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
