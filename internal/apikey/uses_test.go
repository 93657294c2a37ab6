package apikey

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUseLogRemembersTheLastUse(t *testing.T) {
	t.Parallel()
	var l UseLog
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l.Note("key_a", at)
	l.Note("key_b", at.Add(time.Second))
	l.Note("key_b", at)
	l.Note("key_a", at.Add(time.Minute))
	require.Equal(t, map[string]time.Time{"key_a": at.Add(time.Minute), "key_b": at.Add(time.Second)}, l.Drain())
	require.Empty(t, l.Drain())
}

func TestUseLogIsBounded(t *testing.T) {
	t.Parallel()
	var l UseLog
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for i := part; i < maxUses+1000; i += 4 {
				l.Note(fmt.Sprint(i), at)
			}
		})
	}
	group.Wait()
	l.Note("0", at.Add(time.Second))
	uses := l.Drain()
	require.Len(t, uses, maxUses)
}
