package usagestoreextension

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
)

// findServer is the address of the configured server, or of an embedded one that it starts.
func (s *usageStore) findServer(ctx context.Context) (string, error) {
	if !s.config.embedded() {
		return string(s.config.DSN), nil
	}
	cfg := embedded.Config{Folder: s.config.Embedded.DataDir, Port: s.config.Embedded.Port, Download: true}
	if cfg.Folder == "" {
		cfg.Folder = filepath.Join(s.config.DataDir, "postgres")
	}
	var err error
	if s.server, err = embedded.Start(ctx, cfg); err != nil {
		return "", fmt.Errorf("cannot start the embedded Postgres: %w", err)
	}
	s.logger.Info("Embedded Postgres is running", zap.String("folder", s.server.Folder()))
	return s.server.DSN(), s.noteServer(s.server.DSN())
}

// open waits for a server that is not up yet, for as long as start_timeout says.
func (s *usageStore) open(ctx context.Context, dsn string) (*postgres.DB, error) {
	deadline := time.Now().Add(s.config.StartTimeout)
	cfg := postgres.Config{
		DSN: dsn, Window: s.config.window(), Retention: s.config.retention(), MaxConns: int32(s.config.MaxConnections), ReadTimeout: s.config.ReadTimeout,
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		db, err := postgres.Open(ctx, cfg)
		if err == nil || !postgres.IsTransient(err) {
			return db, err
		}
		if time.Now().Add(wait).After(deadline) {
			return nil, fmt.Errorf("no Postgres within the `start_timeout` of %s; is the server up, and the address in `dsn` right?: %w", s.config.StartTimeout, err)
		}
		s.logger.Info("Postgres does not answer yet", zap.Error(err), zap.Duration("next_try_in", wait))
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}
