package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// readyTimeout is generous: a crashed server replays up to max_wal_size at start.
const readyTimeout = 2 * time.Minute

func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if s.answers(ctx) {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("Postgres ended at start: %s", s.lastLog())
		case <-ctx.Done():
			return fmt.Errorf("Postgres does not take connections: %w: %s", ctx.Err(), s.lastLog())
		case <-poll.C:
		}
	}
}

// answers tries one connection. Whoever else has the port may take it and never say a word.
func (s *Server) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.address("postgres"))
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

func (s *Server) lastLog() string {
	text, err := os.ReadFile(filepath.Join(s.cfg.Folder, "log"))
	if err != nil {
		return ""
	}
	return lastLine(text)
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
