package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
)

// server is the Postgres that the yardstick and the collector take turns in using, with the settings of the collector's
// own embedded server: fsync, synchronous_commit and full_page_writes on.
type server struct {
	cfg     embedded.Config
	running *embedded.Server
	dsn     string // of a database that holds nothing
}

func startServer(ctx context.Context, folder string) (*server, error) {
	port, err := embedded.FreePort()
	if err != nil {
		return nil, err
	}
	s := &server{cfg: embedded.Config{Folder: folder, Port: port}}
	return s, s.start(ctx)
}

func (s *server) start(ctx context.Context) (err error) {
	if s.running, err = embedded.Start(ctx, s.cfg); err != nil {
		return fmt.Errorf("cannot start Postgres: %w", err)
	}
	s.dsn = s.running.DSN()
	return nil
}

// stop may be called again.
func (s *server) stop() error {
	if s.running == nil {
		return nil
	}
	defer func() { s.running = nil }()
	return s.running.Stop()
}

// pid of the server's first process, the parent of all others.
func (s *server) pid() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.cfg.Folder, "data", "postmaster.pid"))
	if err != nil {
		return 0, fmt.Errorf("cannot find the process of Postgres: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// database of the server; name is a plain word.
func (s *server) database(name string) (*database, error) {
	u, err := url.Parse(s.dsn)
	if err != nil {
		return nil, fmt.Errorf("cannot read the address of the server: %w", err)
	}
	u.Path = "/" + name
	return &database{name: name, dsn: u.String()}, nil
}

// create makes a database anew, as a copy of another: "template1" for an empty one.
func (s *server) create(ctx context.Context, name, template string) (*database, error) {
	if err := s.drop(ctx, name); err != nil {
		return nil, err
	}
	admin := database{name: "admin", dsn: s.dsn}
	if err := admin.exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template)); err != nil {
		return nil, err
	}
	return s.database(name)
}

func (s *server) drop(ctx context.Context, name string) error {
	admin := database{name: "admin", dsn: s.dsn}
	return admin.exec(ctx, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", name))
}

type database struct{ name, dsn string }

// exec runs statements over a connection of its own, which a restart of the server cannot have broken.
func (db *database) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, db.dsn)
	if err != nil {
		return fmt.Errorf("cannot connect to database %s: %w", db.name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("cannot prepare database %s: %w", db.name, err)
	}
	return nil
}

// number asks for one number, NULL being 0.
func (db *database) number(ctx context.Context, sql string, args ...any) (int64, error) {
	conn, err := pgx.Connect(ctx, db.dsn)
	if err != nil {
		return 0, fmt.Errorf("cannot connect to database %s: %w", db.name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var n *int64
	if err := conn.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("cannot ask database %s: %w", db.name, err)
	}
	if n == nil {
		return 0, nil
	}
	return *n, nil
}

// requireCount fails unless a query answers what it should: a rate of lost or doubled data is no rate.
func (db *database) requireCount(ctx context.Context, want int, sql string, args ...any) error {
	got, err := db.number(ctx, sql, args...)
	if err == nil && got != int64(want) {
		err = fmt.Errorf("database %s holds %d instead of %d: %s", db.name, got, want, sql)
	}
	return err
}
