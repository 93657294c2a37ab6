package embedded

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

const (
	userName     = "mirrorball"
	databaseName = "mirrorball"
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

	choosePort func() (int, error) // nil: a free one
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
	if err := s.settle(ctx); err != nil {
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
