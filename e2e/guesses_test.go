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

// Guessed keys, well-formed or not, from one address and from 10,000, do not drive the collector's memory beyond what it may take
// at full load.
func TestMemoryThatGuessesTake(t *testing.T) {
	t.Parallel()
	g := newGuesser(t)
	before := g.mostMemory(t)
	g.guess(sized(1000, 60_000))
	most := g.mostMemory(t)
	t.Logf("%d guesses: %d MiB at most, %d MiB before", g.made, most, before)
	// Garbage of any busy minute may take up to request_limits::heap_mib, 192 MiB.
	require.Less(t, most, 256, "MiB")
}

// Nothing is kept of a guess: nine times as many need no more memory. Garbage would hide what is kept, so the collector is told
// to collect it often. With 128,000 guesses more, 60 bytes kept of each are in sight.
func TestMemoryThatGuessesKeep(t *testing.T) {
	t.Parallel()
	g := newGuesser(t, "GOGC=20")
	g.guess(500)
	early, first := g.mostMemory(t), g.made
	g.guess(sized(4000, 60_000))
	late := g.mostMemory(t)
	t.Logf("%d MiB at most with %d guesses, %d MiB with %d", early, first, late, g.made)
	require.Less(t, late-early, 6, "MiB")
}

// guesser guesses keys, and asks all the while about one that was verified before.
type guesser struct {
	*collector
	platform, known string
	made            int
}

func newGuesser(t *testing.T, env ...string) *guesser {
	c := startCollector(t, env...)
	g := &guesser{collector: c, platform: c.key("platform"), known: c.register("guessed@example.com", "Guessed", "live").Key}
	require.True(t, g.verifies(g.known, 0))
	return g
}

// guess makes twice as many guesses for each of the callers, and returns when all were refused.
func (g *guesser) guess(each int) {
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range each {
				key, err := apikey.Generate("live", false)
				assert.NoError(g.t, err)
				if i%2 == 0 {
					key += "x"
				}
				assert.False(g.t, g.verifies(key, rand.IntN(10_000)))
				accepted, err := g.accepts(http.MethodGet, "API", "/analytics/user-info", "", key) // all from one address
				assert.True(g.t, !accepted && (err == nil || i%2 == 1), err)
				assert.True(g.t, i%10 != 0 || g.verifies(g.known, 0))
			}
		})
	}
	wg.Wait()
	g.made += 2 * callers * each
}

// verifies is what the collector says of a key that an address, one of 10,000, has presented to the platform.
func (g *guesser) verifies(key string, address int) bool {
	status, body, err := g.post("API", "/keys/verify", "application/json", g.platform,
		fmt.Appendf(nil, `{"key":%q,"client_address":"198.18.%d.%d"}`, key, address/256, address%256))
	assert.NoError(g.t, err)
	if status == http.StatusServiceUnavailable && key != g.known {
		return false // too many guesses at once
	}
	assert.Equalf(g.t, http.StatusOK, status, "%s", body)
	valid, err := verifiedBody(body)
	assert.NoError(g.t, err)
	return valid
}
