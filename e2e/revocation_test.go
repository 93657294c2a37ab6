package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
)

// way is how a key can be used.
type way struct {
	name string
	use  func(c *collector, platform, key string) (accepted bool, err error)
}

var (
	verifyWay = way{"POST /keys/verify", func(c *collector, platform, key string) (bool, error) {
		status, body, err := c.post("API", "/keys/verify", "application/json", platform, fmt.Appendf(nil, `{"key":%q}`, key))
		switch {
		case err != nil:
			return false, err
		case status != http.StatusOK:
			return false, fmt.Errorf("answer %d: %s", status, body)
		}
		return verifiedBody(body)
	}}
	usageWay = way{"GET /analytics/usage", func(c *collector, _, key string) (bool, error) {
		return c.accepts(http.MethodGet, "API", "/analytics/usage", "", key)
	}}
	otlpWay = way{"OTLP", func(c *collector, _, key string) (bool, error) {
		return c.accepts(http.MethodPost, "OTLP_HTTP", "/v1/logs", "application/x-protobuf", key)
	}}
)

// A revoked key is refused everywhere at once, by every collector, while it is used all the time, and whatever happens to the
// notices.
func TestRevokedKeysAreRefused(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	all := []way{verifyWay, usageWay, otlpWay}

	t.Run("heard", func(t *testing.T) {
		c.requireRefused(t, sized(60, 1000), 4, time.Second, all)
	})
	t.Run("listeners are ended again and again", func(t *testing.T) {
		stop := repeatedly(t, 700*time.Millisecond, func() {
			c.collectors[0].change(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mirrorball listen'`)
		})
		defer stop()
		c.requireRefused(t, sized(24, 1000), 4, time.Second, all)
	})
	t.Run("notices are lost on the way", func(t *testing.T) {
		stop := repeatedly(t, 3*time.Second, func() { c.wire.deaf.Store(!c.wire.deaf.Load()) })
		defer c.wire.deaf.Store(false)
		defer stop()
		c.requireRefused(t, sized(24, 1000), 4, time.Second, all)
	})
	t.Run("no listener can be heard for long", func(t *testing.T) {
		c.wire.deaf.Store(true)
		defer c.wire.deaf.Store(false)
		c.requireRefused(t, sized(12, 200), 4, time.Second, all)
	})
	// What no collector can notice: nobody tells. Then the age of what is remembered is the bound, which ingest keeps
	// longer (apikey.Config.RefreshAfter).
	t.Run("no notices are sent", func(t *testing.T) {
		c.collectors[0].change(t, `ALTER TABLE api_keys DISABLE TRIGGER key_changed`)
		defer c.collectors[0].change(t, `ALTER TABLE api_keys ENABLE TRIGGER key_changed`)
		c.requireRefused(t, sized(8, 100), 8, 5*time.Second, []way{verifyWay, usageWay})
	})
}

// requireRefused revokes keys, some at a time. Of each way, all keys and all collectors, the last call that was accepted must have
// been sent within five seconds of the answer to the revocation, and 99 % of them within usual.
func (c *cluster) requireRefused(t *testing.T, n, atOnce int, usual time.Duration, ways []way) {
	t.Helper()
	lags := make([][]time.Duration, len(ways))
	var mu sync.Mutex
	var wg sync.WaitGroup
	keys := c.keys(t, n, 0)
	turns := make(chan struct{}, atOnce)
	for i, key := range keys {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			lagsOfKey := c.revoke(t, i, key, ways)
			mu.Lock()
			defer mu.Unlock()
			for w := range ways {
				lags[w] = append(lags[w], lagsOfKey[w]...)
			}
		})
	}
	wg.Wait()
	for w := range ways {
		slices.Sort(lags[w])
		require.Len(t, lags[w], n*len(c.collectors))
		p99, most := lags[w][len(lags[w])*99/100], lags[w][len(lags[w])-1]
		t.Logf("%s: %d keys, 3 collectors: last accepted call sent after the revocation's answer: p50 %s, p99 %s, at most %s",
			ways[w].name, n, lags[w][len(lags[w])/2], p99, most)
		assert.LessOrEqual(t, p99, usual, ways[w].name)
		assert.LessOrEqual(t, most, 5*time.Second, ways[w].name)
	}
}

// revoke ends a key that every collector knows and that is used all the time, and returns for each way how long after
// the answer each collector was last sent a call that it accepted; 0 if none.
func (c *cluster) revoke(t *testing.T, i int, key *accounts.NewKey, ways []way) [][]time.Duration {
	ctx, giveUp := context.WithTimeout(t.Context(), 40*time.Second)
	defer giveUp()
	asked := make(chan struct{})
	lasts := make([][]time.Time, len(ways))
	var warm, users sync.WaitGroup
	for w := range ways {
		lasts[w] = make([]time.Time, len(c.collectors))
		for n, collector := range c.collectors {
			warm.Add(1)
			users.Go(func() {
				lasts[w][n] = useUntilRefused(ctx, t, ways[w], collector, c.platform, key.Raw, sync.OnceFunc(warm.Done), asked)
			})
		}
	}
	warm.Wait()
	close(asked)
	if i%2 == 0 {
		_, err := c.registry.RevokeKey(t.Context(), access.Operator, key.Key.KeyID)
		assert.NoError(t, err)
	} else {
		by := c.collectors[i/2%len(c.collectors)]
		status, body, err := by.post("API", "/keys/"+key.Key.KeyID+"/revoke", "application/json", c.admin, []byte("{}"))
		assert.NoError(t, err)
		assert.Equalf(t, http.StatusOK, status, "%s", body)
	}
	answered := time.Now()
	users.Wait()
	lags := make([][]time.Duration, len(ways))
	for w := range ways {
		for _, last := range lasts[w] {
			lags[w] = append(lags[w], max(0, last.Sub(answered)))
		}
	}
	return lags
}

// useUntilRefused returns when the last accepted call was sent. It ends with the third refusal after the revocation: whoever has refused a
// key may not accept it again.
func useUntilRefused(ctx context.Context, t *testing.T, w way, c *collector, platform, key string, warm func(), asked <-chan struct{}) (last time.Time) {
	defer warm()
	pause := time.NewTicker(40 * time.Millisecond) // a client's pace
	defer pause.Stop()
	for refusals := 0; refusals < 3; {
		sent := time.Now()
		accepted, err := w.use(c, platform, key)
		switch {
		case !assert.NoError(t, err, w.name):
			return last
		case accepted:
			last, refusals = sent, 0
			warm()
		default:
			refusals++
		}
		select {
		case <-ctx.Done():
			assert.NoError(t, ctx.Err(), "%s: never refused", w.name)
			return last
		case <-pause.C:
		}
	}
	select {
	case <-asked:
	default:
		assert.Fail(t, "refused before it was to be revoked", w.name)
	}
	return last
}

// repeatedly does something at once, and again at intervals until it is stopped.
func repeatedly(t *testing.T, interval time.Duration, do func()) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		turn := time.NewTicker(interval)
		defer turn.Stop()
		for {
			do()
			select {
			case <-ctx.Done():
				return
			case <-turn.C:
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}
