package postgres

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// What makes an event itself makes a batch itself; what an event says does not.
func TestDigestOf(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1_700_000_000_000_000)
	events := func(change func(e *usage.Event)) []usage.Event {
		both := []usage.Event{{ID: usage.ID{1}, KeyID: "key_a", Time: at}, {ID: usage.ID{2}, KeyID: "key_b", Time: at}}
		if change != nil {
			change(&both[1])
		}
		return both
	}
	same := digestOf(events(nil))
	require.NotZero(t, same)
	require.Equal(t, same, digestOf(events(func(e *usage.Event) { e.Route = "/other" })))
	for name, change := range map[string]func(e *usage.Event){
		"id":   func(e *usage.Event) { e.ID[15] = 1 },
		"time": func(e *usage.Event) { e.Time = at.Add(time.Microsecond) },
		"key":  func(e *usage.Event) { e.KeyID = "key_c" },
		"none": func(e *usage.Event) { e.KeyID = "" },
	} {
		d := digestOf(events(change))
		require.NotZero(t, d, name)
		require.NotEqual(t, same, d, name)
	}
	require.NotEqual(t, same, digestOf(events(nil)[:1]))
	require.Zero(t, digestOf(nil))
	require.Zero(t, digestOf(events(func(e *usage.Event) { e.Undated = true })))
}

// Memory does not grow, and the last batches are kept.
func TestCommittedForgets(t *testing.T) {
	t.Parallel()
	c := newCommitted()
	for n := range 3 * maxYoung {
		c.add([]digest{{byte(n), byte(n >> 8), byte(n >> 16), 1}})
	}
	last := 3*maxYoung - 1
	require.True(t, c.has(digest{byte(last), byte(last >> 8), byte(last >> 16), 1}))
	require.False(t, c.has(digest{0, 0, 0, 1}))
	require.False(t, c.has(digest{}))
	require.LessOrEqual(t, len(c.young)+len(c.older), 2*maxYoung)
}
