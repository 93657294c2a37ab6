package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

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

// launchTries is how often a server gets another port when its own was taken by the time that it wanted it.
const launchTries = 5

// launch runs the server at the port that was asked for, or at one that is free.
func (s *Server) launch(ctx context.Context) error {
	if s.cfg.Port != 0 {
		s.port = s.cfg.Port
		return s.launchAtPort(ctx)
	}
	choose := s.cfg.choosePort
	if choose == nil {
		choose = serverPorts.choose
	}
	for try := 1; ; try++ {
		var err error
		if s.port, err = choose(); err != nil {
			return err
		}
		err = s.launchAtPort(ctx)
		if err == nil || try == launchTries || s.cfg.Ephemeral || !errors.Is(err, errPortTaken) {
			return err
		}
		s.pipe.Close()
	}
}

// launchAtPort starts the supervisor and waits for the first connection.
func (s *Server) launchAtPort(ctx context.Context) error {
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

// stopTimeout is how long a server may take to write its last checkpoint.
const stopTimeout = 30 * time.Second

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
