package apikey

import (
	"sync"
	"time"
)

// maxUses bounds the keys remembered between two calls of Drain. Of more keys the last use is not noted.
const maxUses = 100_000

// UseLog remembers when keys were last used, in bounded memory. Its zero value is ready, and it may be used from many
// goroutines.
type UseLog struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// Note takes note that a registered key was used.
func (l *UseLog) Note(keyID string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.last[keyID]
	switch {
	case ok && !at.After(last), !ok && len(l.last) >= maxUses:
		return
	case l.last == nil:
		l.last = make(map[string]time.Time)
	}
	l.last[keyID] = at
}

// Drain returns the last use of each key that was noted since the last call, and starts anew.
func (l *UseLog) Drain() map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last
	l.last = nil
	return last
}
