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

func (s *Server) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.address("postgres"))
	if err != nil {
		return errors.New("cannot connect to the server just started")
	}
	defer conn.Close(ctx)
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
