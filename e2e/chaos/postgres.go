//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
)

// Postgres is a server that can be killed and started again. It flushes to disk as one in production does, and it ends
// with this process, however that ends.
type Postgres struct {
	folder string
	port   int

	mu     sync.Mutex // held while the server goes down or comes up
	server *embedded.Server
	dsn    string
}

// StartPostgres makes a new server in a folder.
func StartPostgres(ctx context.Context, folder string) (*Postgres, error) {
	port, err := embedded.FreePort()
	if err != nil {
		return nil, err
	}
	p := &Postgres{folder: folder, port: port}
	return p, p.start(ctx)
}

// DSN is the server's own address.
func (p *Postgres) DSN() string { return p.dsn }

// through is the address with another host and port in front of the server.
func (p *Postgres) through(address string) (string, error) {
	u, err := url.Parse(p.dsn)
	if err != nil {
		return "", err
	}
	u.Host = address
	return u.String(), nil
}

// startTimeout covers crash recovery.
const startTimeout = 60 * time.Second

// start brings the server up. Like whoever looks after a server, it tries again when that fails.
func (p *Postgres) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		server, err := embedded.Start(ctx, embedded.Config{Folder: p.folder, Port: p.port})
		if err == nil {
			p.server, p.dsn = server, server.DSN()
			return nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("cannot start Postgres: %w", err)
		}
	}
}

// Stop ends the server in order, if it runs.
func (p *Postgres) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
}

func (p *Postgres) stop() {
	if p.server != nil {
		_ = p.server.Stop()
		p.server = nil
	}
}

// Restart takes the server down with a signal (SIGKILL: as the kernel would, SIGQUIT: immediate stop, SIGINT: in order),
// leaves it down for a while and starts it again.
func (p *Postgres) Restart(ctx context.Context, signal syscall.Signal, down time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var children []int
	if pid, err := p.postmaster(); err == nil {
		children = childrenOf(pid)
		_ = syscall.Kill(pid, signal)
	}
	p.stop() // waits for the end of what the signal has begun
	awaitEnd(ctx, children)
	pause(ctx, down)
	return p.start(ctx)
}

// childrenOf are the processes that a process has started.
func childrenOf(pid int) (children []int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		return nil
	}
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// awaitEnd waits for processes: those of a killed server notice its death, and hold its shared memory until then.
func awaitEnd(ctx context.Context, pids []int) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, pid := range pids {
		for syscall.Kill(pid, 0) == nil && pause(ctx, 10*time.Millisecond) {
		}
	}
}

// Ensure starts the server again if it has gone down by itself, as after a full disk.
func (p *Postgres) Ensure(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if conn, err := pgx.Connect(ctx, p.dsn); err == nil {
		return conn.Close(ctx)
	}
	p.stop()
	return p.start(ctx)
}

// postmaster is the process id of the server, which it keeps in the first line of a file.
func (p *Postgres) postmaster() (int, error) {
	text, err := os.ReadFile(filepath.Join(p.folder, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(line)
}

// backends are the process ids of the server's client connections.
func (p *Postgres) backends(ctx context.Context, conn *pgx.Conn) ([]int, error) {
	rows, err := conn.Query(ctx, `
		SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}

// TerminateBackends ends some connections with pg_terminate_backend.
func (p *Postgres) TerminateBackends(ctx context.Context, rng *rand.Rand) (int, error) {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	pids, err := p.backends(ctx, conn)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, pid := range pids {
		if rng.IntN(2) == 0 {
			if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend($1)", pid); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// KillBackend ends one connection with kill -9, upon which the server restarts all of itself.
func (p *Postgres) KillBackend(ctx context.Context, rng *rand.Rand) (int, error) {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	pids, err := p.backends(ctx, conn)
	if err != nil || len(pids) == 0 {
		return 0, err
	}
	return 1, syscall.Kill(pids[rng.IntN(len(pids))], syscall.SIGKILL)
}
