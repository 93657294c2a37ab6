package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// A client that changes to its new key within the time of grace never has a call refused, whichever collector it meets; after it
// the old key is refused everywhere.
func TestRotationWithGrace(t *testing.T) {
	t.Parallel()
	const grace, reserve, atOnce = 2 * time.Second, 300 * time.Millisecond, 10
	c := startCluster(t)
	keys := c.keys(t, sized(20, 200), 0)
	var calls atomic.Int64
	var wg sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i, key := range keys {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			calls.Add(c.rotate(t, i, key, grace, time.Duration(rand.Int64N(int64(grace-reserve)))))
		})
	}
	wg.Wait()
	t.Logf("%d rotations, %d calls, none refused", len(keys), calls.Load())
	require.Positive(t, calls.Load())
}

// rotate replaces a key while a client uses it, who changes to the new one some time after the request for it was sent. It returns the number of
// calls.
func (c *cluster) rotate(t *testing.T, i int, key *accounts.NewKey, grace, change time.Duration) (calls int64) {
	ways := []way{verifyWay, usageWay, otlpWay}
	call := func(key string) {
		w, collector := ways[calls%3], c.collectors[rand.IntN(len(c.collectors))]
		accepted, err := w.use(collector, c.platform, key)
		assert.NoError(t, err)
		assert.True(t, accepted, "%s refused a key that is good", w.name)
		calls++
	}
	for range 9 {
		call(key.Raw)
	}
	asked := time.Now()
	answer := make(chan string, 1)
	go func() {
		status, body, err := c.collectors[i%3].post("API", "/keys/"+key.Key.KeyID+"/rotate", "application/json",
			c.admin, fmt.Appendf(nil, `{"grace_seconds":%d}`, int(grace.Seconds())))
		assert.NoError(t, err)
		assert.Equalf(t, http.StatusCreated, status, "%s", body)
		answer <- rawKeyOf(body)
	}()
	for time.Since(asked) < change {
		call(key.Raw)
	}
	next := <-answer
	answered := time.Now()
	for time.Since(answered) < grace+100*time.Millisecond {
		call(next)
	}
	for _, collector := range c.collectors {
		for _, w := range ways {
			accepted, err := w.use(collector, c.platform, key.Raw)
			assert.NoError(t, err)
			assert.False(t, accepted, "%s took a key whose grace is over", w.name)
		}
	}
	call(next)
	return calls
}
