package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	userName     = "mirrorball"
	databaseName = "mirrorball"
	// stopTimeout is how long a server may take to write its last checkpoint.
	stopTimeout = 30 * time.Second
)

// Config says where a server lives.
type Config struct {
	// Folder holds everything of the server: its data, password and log. It is created with mode 0700.
	Folder string
	// Binaries is the folder with initdb and postgres; empty: [FindBinaries].
	Binaries string
	// Port on 127.0.0.1; 0 picks a free one at each start.
	Port int
	// Download fetches a server when the machine has none.
	Download bool
	// Ephemeral is for tests: no fsync, and the folder is removed when the server stops.
	Ephemeral bool
}

// Server is a running Postgres.
type Server struct {
	cfg      Config
	account  *account
	lock     *os.File
	pipe     *os.File // its end stops the server
	shell    *exec.Cmd
	shellErr error         // valid once ended is closed
	ended    chan struct{} // closed once the server has ended, whoever ended it; nil before its start
	port     int
	password string
}

// supervisor starts the server and stops it (SIGINT: fast shutdown) at the end of its standard input, which comes when
// this process closes the pipe or dies. It ends when the server has ended, for whatever reason.
// $1 is the program, $2 the folder, $3 "remove" to remove it; the rest are arguments of the server.
const supervisor = `
program=$1 folder=$2 remove=$3; shift 3
exec 3<&0 </dev/null
"$program" "$@" 3<&- >>"$folder/log" 2>&1 &
server=$!
(read -r _ <&3; kill -INT "$server" 2>/dev/null) &
watcher=$!
exec 3<&-
wait "$server"
kill "$watcher" 2>/dev/null
[ "$remove" = remove ] && cd / && rm -rf "$folder"
exit 0
`

// Start runs the server in cfg.Folder, creating it at first, and returns once it takes connections.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	if cfg.Folder, err = filepath.Abs(cfg.Folder); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg}
	if s.account, err = serverAccount(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := s.prepareFolder(); err != nil {
		return nil, err
	}
	if err := s.findBinaries(); err != nil {
		return nil, err
	}
	s.stopLeftover()
	if err := s.initialise(ctx); err != nil {
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		return nil, err
	}
	if err := s.createDatabase(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// DSN is the address of the server with its password.
func (s *Server) DSN() string {
	return s.address(databaseName)
}

func (s *Server) address(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(userName, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable", // loopback
	}
	return u.String()
}

// Stop ends the server and waits until it has ended. It may be called again.
func (s *Server) Stop() error {
	var err error
	if s.pipe != nil {
		s.pipe.Close()
		<-s.ended
		s.pipe, err = nil, s.shellErr
	}
	if s.lock != nil {
		s.lock.Close()
		s.lock = nil
	}
	return err
}

// Ended is closed once the server has ended: by Stop, or by itself.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Folder is where the server's files are.
func (s *Server) Folder() string { return s.cfg.Folder }

func (s *Server) data() string { return filepath.Join(s.cfg.Folder, "data") }

func (s *Server) findBinaries() (err error) {
	if s.cfg.Binaries != "" {
		return nil
	}
	// A cluster that exists already belongs to one major version.
	version, _ := os.ReadFile(filepath.Join(s.data(), "PG_VERSION"))
	s.cfg.Binaries, err = findBinaries(strings.TrimSpace(string(version)))
	if errors.Is(err, ErrNoBinaries) && s.cfg.Download {
		s.cfg.Binaries, err = Download(filepath.Join(s.cfg.Folder, "programs"))
	}
	return err
}

// stopLeftover ends a server whose process was killed and that has not stopped yet. The lock says that no living
// process owns it.
func (s *Server) stopLeftover() {
	if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); errors.Is(err, os.ErrNotExist) {
		return
	}
	// Fails when there is no such process: then the file is stale, and Postgres itself sees that.
	stop := exec.Command(filepath.Join(s.cfg.Binaries, "pg_ctl"), "stop", "-D", s.data(), "-m", "fast", "-w",
		"-t", strconv.Itoa(int(stopTimeout.Seconds())))
	stop.Dir = s.cfg.Folder
	_ = s.account.run(stop).Run()
}

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

// launch starts the supervisor and waits for the first connection.
func (s *Server) launch(ctx context.Context) error {
	s.port = s.cfg.Port
	if s.port == 0 {
		var err error
		if s.port, err = FreePort(); err != nil {
			return err
		}
	}
	log := filepath.Join(s.cfg.Folder, "log")
	if err := os.Rename(log, log+".old"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot put the old log aside: %w", err)
	}
	remove := "keep"
	if s.cfg.Ephemeral {
		remove = "remove"
	}
	args := append([]string{"-c", supervisor, "mirrorball-postgres",
		filepath.Join(s.cfg.Binaries, "postgres"), s.cfg.Folder, remove}, s.settings()...)
	s.shell = s.account.run(exec.Command("/bin/sh", args...))
	s.shell.Dir = s.cfg.Folder
	end, pipe, err := os.Pipe()
	if err != nil {
		return err
	}
	defer end.Close()
	s.shell.Stdin = end
	if err := s.shell.Start(); err != nil {
		pipe.Close()
		return fmt.Errorf("cannot start Postgres: %w", err)
	}
	s.pipe, s.ended = pipe, make(chan struct{})
	go s.awaitEnd()
	return s.waitReady(ctx)
}

// awaitEnd also keeps the server reachable: were its pipe collected, the server would stop.
func (s *Server) awaitEnd() {
	defer close(s.ended)
	s.shellErr = s.shell.Wait() // of the supervisor; the server's own reasons are in its log
}

// settings of the server. Those of a lasting one are for a machine that it shares with the collector.
func (s *Server) settings() []string {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.port), "unix_socket_directories=",
		"password_encryption=scram-sha-256", "logging_collector=off", "log_min_messages=warning",
		"log_statement=none", "log_min_error_statement=panic", // statements carry values
		"max_connections=100",
	}
	if s.cfg.Ephemeral {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"shared_buffers=64MB", "max_wal_size=512MB")
	} else {
		settings = append(settings, "fsync=on", "synchronous_commit=on", "full_page_writes=on",
			"shared_buffers=256MB", "max_wal_size=2GB", "wal_compression=on", "checkpoint_timeout=15min")
	}
	args := []string{"-D", s.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

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
