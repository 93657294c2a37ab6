//go:build linux

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
)

// Collector is one bin/mirrorball that a supervisor starts again whenever it has ended.
type Collector struct {
	name    string
	data    string
	command []string
	env     []string
	ports   map[string]int
	stop    context.CancelFunc
	stopped chan struct{}

	mu      sync.Mutex
	cmd     *exec.Cmd
	exited  chan struct{} // closed when cmd has ended
	meant   bool          // cmd was sent a signal that ends it
	started chan struct{} // closed and replaced at each start
	faults  []string      // what must not happen
}

// portNames are the variables of examples/local.yaml.
var portNames = []string{"OTLP_GRPC", "OTLP_HTTP", "EVENTS", "API", "HEALTH", "METRICS"}

// StartCollector runs a collector of the repository at root on a database, with a data folder and a log in folder.
func StartCollector(name, root, folder, dsn, pepper string) (*Collector, error) {
	c := &Collector{
		name: name, data: filepath.Join(folder, name), ports: map[string]int{},
		command: []string{filepath.Join(root, "bin/mirrorball"), "--config", filepath.Join(root, "examples/local.yaml")},
		started: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := os.MkdirAll(c.data, 0o755); err != nil {
		return nil, err
	}
	c.env = append(os.Environ(), "DATABASE_URL="+dsn, "MIRRORBALL_PEPPER="+pepper, "MIRRORBALL_DATA="+c.data)
	for _, port := range portNames {
		var err error
		if c.ports[port], err = embedded.FreePort(); err != nil {
			return nil, err
		}
		c.env = append(c.env, fmt.Sprintf("MIRRORBALL_%s_PORT=%d", port, c.ports[port]))
	}
	log, err := os.Create(c.log())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	go c.supervise(ctx, log)
	return c, nil
}

func (c *Collector) log() string { return filepath.Join(c.data, "mirrorball.log") }

// supervise starts the program again and again.
func (c *Collector) supervise(ctx context.Context, log *os.File) {
	defer close(c.stopped)
	defer log.Close()
	for ctx.Err() == nil {
		cmd := exec.Command(c.command[0], c.command[1:]...)
		cmd.Env, cmd.Stdout, cmd.Stderr = c.env, log, log
		// A process group of its own, so that Ctrl-C reaches this process alone, and no life beyond it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			c.blame("cannot be started: %v", err)
			return
		}
		exited := c.running(cmd)
		watched, unwatch := context.WithCancel(ctx)
		ready := make(chan bool, 1)
		go func() { ready <- c.WaitReady(watched) == nil }()
		err := cmd.Wait()
		close(exited)
		unwatch()
		c.ended(err, <-ready)
		pause(ctx, 20*time.Millisecond)
	}
}

func (c *Collector) running(cmd *exec.Cmd) (exited chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cmd, c.exited, c.meant = cmd, make(chan struct{}), false
	close(c.started)
	c.started = make(chan struct{})
	return c.exited
}

// ended judges the end of a process: one that had been ready may not end by itself. One that finds no database at its
// start may.
func (c *Collector) ended(err error, wasReady bool) {
	c.mu.Lock()
	meant := c.meant
	c.mu.Unlock()
	if !meant && wasReady {
		c.blame("ended by itself (%v)", err)
	}
}

func (c *Collector) blame(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, c.name+" "+fmt.Sprintf(format, args...))
}

// Faults are what the process did and must not do.
func (c *Collector) Faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.faults...)
}

// Signal sends a signal to the process that runs now, and returns a channel that is closed when it has ended.
func (c *Collector) Signal(signal syscall.Signal) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	if signal == syscall.SIGKILL || signal == syscall.SIGTERM {
		c.meant = true
	}
	_ = c.cmd.Process.Signal(signal) // it may have ended already
	return c.exited
}

// NextStart is closed when the program is started the next time.
func (c *Collector) NextStart() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started
}

// termTimeout is how long a collector may take to end in order: the 5 s for which its exporter tries to store what it
// has, and what a stalled connection adds.
const termTimeout = 20 * time.Second

// Terminate ends the process in order, and blames it when that takes too long.
func (c *Collector) Terminate() time.Duration {
	began := time.Now()
	exited := c.Signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(termTimeout):
		c.blame("did not end within %s of SIGTERM", termTimeout)
		<-c.Signal(syscall.SIGKILL)
	}
	return time.Since(began)
}

// Stop ends the collector for good.
func (c *Collector) Stop() {
	c.stop()
	c.Terminate()
	<-c.stopped
}

func (c *Collector) url(port, path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", c.ports[port], path)
}

// WaitReady returns once the collector says that it can take data.
func (c *Collector) WaitReady(ctx context.Context) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url("HEALTH", "/"), nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		if !pause(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%s did not become ready: %w; end of its log:\n%s", c.name, ctx.Err(), c.LogEnd(10))
		}
	}
}

// LogEnd is the last lines of the log.
func (c *Collector) LogEnd(lines int) string {
	text, err := os.ReadFile(c.log())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// PlatformKey is the key that a collector on an empty database leaves behind.
func (c *Collector) PlatformKey() (string, error) {
	text, err := os.ReadFile(filepath.Join(c.data, "platform.key"))
	return strings.TrimSpace(string(text)), err
}

// Register makes a customer and returns its key.
func (c *Collector) Register(ctx context.Context, email string) (string, error) {
	body, err := json.Marshal(map[string]string{
		"email": email, "organization": "Chaos", "name": "Chaos", "use_case": "testing", "expected_volume": "low", "environment": "live",
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url("API", "/users/register"), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var answer struct {
		Key string `json:"api_key"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Key == "" {
		return "", errors.Join(err, fmt.Errorf("registration answered %d: %s", resp.StatusCode, text))
	}
	return answer.Key, nil
}
