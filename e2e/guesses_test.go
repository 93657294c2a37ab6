package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Guessed keys, well-formed or not, from one address and from 10,000, cost the collector no more memory however many they are,
// and a key that was verified before is verified all the while.
func TestMemoryThatGuessesTake(t *testing.T) {
	t.Parallel()
	c := startCollector(t)
	platform, user := c.key("platform"), c.register("guessed@example.com", "Guessed", "live")
	verify := func(key string, address int) bool {
		status, body, err := c.post("API", "/keys/verify", "application/json", platform,
			fmt.Appendf(nil, `{"key":%q,"client_address":"198.18.%d.%d"}`, key, address/256, address%256))
		assert.NoError(t, err)
		if status == http.StatusServiceUnavailable && key != user.Key {
			return false // too many guesses at once
		}
		assert.Equalf(t, http.StatusOK, status, "%s", body)
		valid, err := verifiedBody(body)
		assert.NoError(t, err)
		return valid
	}
	require.True(t, verify(user.Key, 0))
	before := c.mostMemory(t)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range sized(1000, 60_000) {
				key, err := apikey.Generate("live", false)
				assert.NoError(t, err)
				if i%2 == 0 {
					key += "x"
				}
				assert.False(t, verify(key, rand.IntN(10_000)))
				accepted, err := c.accepts(http.MethodGet, "API", "/analytics/user-info", "", key) // all from one address
				assert.True(t, !accepted && (err == nil || i%2 == 1), err)
				assert.True(t, i%10 != 0 || verify(user.Key, 0))
			}
		})
	}
	wg.Wait()
	most := c.mostMemory(t)
	t.Logf("%d guesses: %d MiB at most, %d MiB before", 2*callers*sized(1000, 60_000), most, before)
	// Garbage of any busy minute may take up to request_limits::heap_mib, 192 MiB, so what counts is that millions of guesses
	// take no more than thousands: what the collector may take at full load.
	require.Less(t, most, 256, "MiB")
}
