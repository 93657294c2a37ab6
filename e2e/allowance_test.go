package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hourlyLimit is what the keys of these tests may make in an hour, 16 callers at a time.
const hourlyLimit, callers = int64(1000), 16

// One collector grants exactly the limit, to those who verify the key and to those who call the API with it together.
func TestHourlyLimitOnOneCollector(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	withinOneHour(t, func() (granted int64) {
		return c.useUp(t, func(int) *collector { return c.collectors[0] }, 1, usageWay)
	}, hourlyLimit, hourlyLimit)
}

// Three collectors grant no more than the limit together, and at least 98 % of it, however the load is spread.
func TestHourlyLimitOnThreeCollectors(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	evenly := func(i int) *collector { return c.collectors[i%3] }
	unevenly := func(i int) *collector { return c.collectors[max(0, i-(callers-3))] } // 14, 1 and 1 of 16
	for name, spread := range map[string]func(int) *collector{"even": evenly, "uneven": unevenly} {
		for _, calls := range []int64{1, 7} {
			withinOneHour(t, func() int64 {
				granted := c.useUp(t, spread, calls, verifyWay)
				t.Logf("%s, %d calls at a time: %d of %d granted", name, calls, granted, hourlyLimit)
				return granted
			}, hourlyLimit*98/100, hourlyLimit)
		}
	}
}

// withinOneHour repeats a test during which the hour turned, which lets a limit begin anew.
func withinOneHour(t *testing.T, test func() int64, atLeast, atMost int64) {
	t.Helper()
	for {
		began := time.Now().Truncate(time.Hour)
		granted := test()
		if time.Now().Truncate(time.Hour).Equal(began) {
			require.GreaterOrEqual(t, granted, atLeast)
			require.LessOrEqual(t, granted, atMost)
			return
		}
	}
}

// useUp has callers use a key until each has been refused, and returns how many calls were granted. Every second caller goes the
// other way.
func (c *cluster) useUp(t *testing.T, collectorOf func(caller int) *collector, calls int64, other way) int64 {
	key := c.keys(t, 1, hourlyLimit)[0]
	verify := way{"POST /keys/verify", func(c *collector, platform, key string) (bool, error) {
		status, body, err := c.post("API", "/keys/verify", "application/json", platform, fmt.Appendf(nil, `{"key":%q,"calls":%d}`, key, calls))
		if err != nil || status != http.StatusOK {
			return false, fmt.Errorf("answer %d: %s, %w", status, body, err)
		}
		return verifiedBody(body)
	}}
	var granted atomic.Int64
	var wg sync.WaitGroup
	for i := range callers {
		w, each := verify, calls
		if i%2 == 1 && other.name != verify.name {
			w, each = other, 1
		}
		wg.Go(func() {
			for {
				accepted, err := w.use(collectorOf(i), c.platform, key.Raw)
				if !assert.NoError(t, err) || !accepted {
					return
				}
				granted.Add(each)
			}
		})
	}
	wg.Wait()
	return granted.Load()
}
