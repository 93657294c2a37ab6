package postgres

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// jobLog reports what River itself has trouble with, each message once a minute: while Postgres is away every part of it
// complains every few seconds. Only the message is told; the rest quotes statements and addresses.
type jobLog struct {
	report func(error)

	mu   sync.Mutex
	told map[string]time.Time
}

// Enabled implements slog.Handler.
func (l *jobLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

// Handle implements slog.Handler.
func (l *jobLog) Handle(ctx context.Context, r slog.Record) error {
	if ctx.Err() == nil && l.due(r.Message, r.Time) {
		l.report(errors.New("the runner of jobs says: " + r.Message))
	}
	return nil
}

func (l *jobLog) due(message string, at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.told[message]; ok && at.Sub(last) < time.Minute {
		return false
	}
	if l.told == nil {
		l.told = map[string]time.Time{}
	}
	l.told[message] = at // messages are constants of River, a few dozen
	return true
}

// WithAttrs implements slog.Handler.
func (l *jobLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *jobLog) WithGroup(string) slog.Handler { return l }
