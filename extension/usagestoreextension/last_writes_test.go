package usagestoreextension

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// silent is a network that gives no answer.
type silent struct{}

func (silent) Write(ctx context.Context, _ ...*usage.Batch) (usage.Receipt, error) {
	<-ctx.Done()
	return usage.Receipt{}, ctx.Err()
}

// What is written after the collector was told to end has one end, however much of it there is.
func TestLastWritesEndTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &usageStore{}
		require.NoError(t, store.NotReady(), "without Start")
		store.writer = &endingWriter{Writer: silent{}}
		require.NoError(t, store.Ready())
		write := func(patience time.Duration, ending bool) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := store.Writer().Write(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, ending, errors.Is(err, usage.ErrEnding))
		}
		began := time.Now()
		write(time.Minute, false)
		require.Equal(t, time.Minute, time.Since(began), "while the collector is to go on, an attempt has its own time")

		began = time.Now()
		require.NoError(t, store.NotReady())
		write(3*time.Second, false)
		require.Equal(t, 3*time.Second, time.Since(began), "an attempt is not longer than its own time")
		require.NoError(t, store.NotReady(), "the end does not move")
		for range 5 {
			write(time.Minute, true)
			require.Equal(t, lastWrites, time.Since(began))
		}
	})
}
