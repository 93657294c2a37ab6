package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
)

const (
	readyTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
)

// portNames are the variables of examples/local.yaml, MIRRORBALL_<name>_PORT.
var portNames = []string{"OTLP_GRPC", "OTLP_HTTP", "EVENTS", "API", "HEALTH", "METRICS"}

// program says how to start a collector.
type program struct {
	path    string
	configs []string // examples/local.yaml, and what is merged over it
	data    string   // MIRRORBALL_DATA: keys and pepper
}

// collector is a running bin/mirrorball.
type collector struct {
	cmd   *exec.Cmd
	ports map[string]int
	log   string
	ended chan struct{} // closed when the process has ended
	exit  error         // how, to be read after that
}

// start runs the collector on a database and returns once data can be taken.
func (p *program) start(ctx context.Context, db *database) (*collector, error) {
	c := &collector{ports: map[string]int{}, ended: make(chan struct{}), log: filepath.Join(p.data, "collector.log")}
	var args []string
	for _, config := range p.configs {
		args = append(args, "--config", config)
	}
	c.cmd = exec.Command(p.path, args...)
	c.cmd.Env = append(os.Environ(), "DATABASE_URL="+db.dsn, "MIRRORBALL_DATA="+p.data, "MIRRORBALL_PEPPER=", "MIRRORBALL_HOST=127.0.0.1")
	for _, name := range portNames {
		port, err := embedded.FreePort()
		if err != nil {
			return nil, err
		}
		c.ports[name] = port
		c.cmd.Env = append(c.cmd.Env, fmt.Sprintf("MIRRORBALL_%s_PORT=%d", name, port))
	}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, fmt.Errorf("cannot keep the collector's log: %w", err)
	}
	defer log.Close()
	c.cmd.Stdout, c.cmd.Stderr = log, log
	// In a process group of its own: a Ctrl-C at the terminal is for this process, which then stops the collector in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the collector: %w", err)
	}
	go func() {
		defer close(c.ended)
		c.exit = c.cmd.Wait()
	}()
	if err := c.waitReady(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *collector) pid() int { return c.cmd.Process.Pid }

func (c *collector) url(port, path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", c.ports[port], path)
}

// waitReady asks the health check until it answers 200.
func (c *collector) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-c.ended:
			return c.died()
		case <-ctx.Done():
			return fmt.Errorf("the collector is not ready: %w\n%s", ctx.Err(), c.lastLog())
		case <-poll.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url("HEALTH", "/"), http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
}

// whileAlive is a context that ends with the process, too.
func (c *collector) whileAlive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-c.ended:
			cancel(c.died())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (c *collector) died() error {
	return fmt.Errorf("the collector ended by itself: %v\n%s", c.exit, c.lastLog())
}

// stop ends the collector as an operator would, and the hard way when that takes too long. It may be called again.
func (c *collector) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended
	select {
	case <-c.ended:
		// The Collector listens for signals only a moment after it is ready; before, SIGTERM ends it at once.
		if c.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
			return nil
		}
		return c.exit
	case <-time.After(stopTimeout):
		_ = c.cmd.Process.Kill()
		<-c.ended
		return fmt.Errorf("the collector did not end within %s\n%s", stopTimeout, c.lastLog())
	}
}

// lastLog is the end of the collector's log, for people.
func (c *collector) lastLog() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return ""
	}
	return lastLines(text, 8)
}

// key reads one of the keys that the first start wrote: "admin" or "platform".
func (p *program) key(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(p.data, name+".key"))
	if err != nil {
		return "", fmt.Errorf("cannot read the %s key: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}
