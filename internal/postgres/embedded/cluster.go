package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// initialise reads the password, or makes a new cluster with a new one. The data folder takes its name only once
// it is whole, so a process that is killed in between leaves no half-made cluster behind.
func (s *Server) initialise(ctx context.Context) error {
	passwordFile := filepath.Join(s.cfg.Folder, "password")
	if _, err := os.Stat(filepath.Join(s.data(), "PG_VERSION")); err == nil {
		password, err := os.ReadFile(passwordFile)
		if err != nil {
			return fmt.Errorf("cannot read the password of the server: %w", err)
		}
		s.password = strings.TrimSpace(string(password))
		return nil
	}
	s.password = rand.Text()
	if err := os.WriteFile(passwordFile, []byte(s.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot keep the password of the server: %w", err)
	}
	if err := s.account.own(passwordFile); err != nil {
		return fmt.Errorf("cannot keep the password of the server: %w", err)
	}
	unfinished := s.data() + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("cannot remove a half-made cluster: %w", err)
	}
	args := []string{"-D", unfinished, "-U", userName, "--pwfile", passwordFile, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--data-checksums"}
	if s.cfg.Ephemeral {
		args = append(args, "--no-sync")
	}
	initdb := exec.CommandContext(ctx, filepath.Join(s.cfg.Binaries, "initdb"), args...)
	initdb.Dir = s.cfg.Folder
	if out, err := s.account.run(initdb).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot create a Postgres cluster: %w: %s", err, lastLine(out))
	}
	if err := os.Rename(unfinished, s.data()); err != nil {
		return fmt.Errorf("cannot put the new cluster in place: %w", err)
	}
	return nil
}

// settle makes the database, and what of the settings depends on the server, in one that has just started.
func (s *Server) settle(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.address("postgres"))
	if err != nil {
		return errors.New("cannot connect to the server just started")
	}
	defer conn.Close(ctx)
	if err := createDatabase(ctx, conn); err != nil || s.cfg.Ephemeral {
		return err
	}
	return compressLog(ctx, conn)
}

func createDatabase(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	const find = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
	if err := conn.QueryRow(ctx, find, databaseName).Scan(&exists); err != nil {
		return errors.New("cannot look for the database")
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+databaseName); err != nil {
		return errors.New("cannot create the database")
	}
	return nil
}

// compressLog has pages that the log takes whole compressed with lz4 where the server can: its own pglz takes many times as long
// (docs/decisions/0025). A server without lz4 would not start with it among its settings; one of the role it only warns of.
func compressLog(ctx context.Context, conn *pgx.Conn) error {
	const wanted = `SELECT setting <> 'lz4' AND 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'wal_compression'`
	var change bool
	if err := conn.QueryRow(ctx, wanted).Scan(&change); err != nil {
		return errors.New("cannot read how the server compresses its log")
	}
	if !change {
		return nil
	}
	if _, err := conn.Exec(ctx, "ALTER ROLE CURRENT_USER SET wal_compression = lz4"); err != nil {
		return errors.New("cannot set how the server compresses its log")
	}
	return nil
}
