package embedded

import (
	"context"
	"errors"
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
			return fmt.Errorf("Postgres ended at start: %w", s.endedBecause())
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

// errPortTaken is for a server that found its port in use.
var errPortTaken = errors.New("its port is taken")

// endedBecause is the reason in the log of a server that has ended at its start.
func (s *Server) endedBecause() error {
	text, err := os.ReadFile(filepath.Join(s.cfg.Folder, "log"))
	if err != nil {
		return errors.New("there is no log of it")
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "could not create any TCP/IP sockets") {
			return fmt.Errorf("%w (%d)", errPortTaken, s.port)
		}
		if strings.Contains(line, "FATAL:") {
			return errors.New(strings.TrimSpace(line))
		}
	}
	return errors.New(lastLine(text))
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
