//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
)

// startPostgres is a server with a wire before it and a table.
func startPostgres(t *testing.T) (*Postgres, *Wire, string) {
	t.Helper()
	folder, err := os.MkdirTemp("", "mirrorball-chaos-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	p, err := StartPostgres(t.Context(), filepath.Join(folder, "postgres"))
	if errors.Is(err, embedded.ErrNoBinaries) && os.Getenv("CI") == "" {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(p.Stop)
	w, err := NewWire(fmt.Sprintf("127.0.0.1:%d", p.port))
	require.NoError(t, err)
	t.Cleanup(w.Close)
	dsn, err := p.through(w.Address())
	require.NoError(t, err)
	require.NoError(t, run(t, dsn, "CREATE TABLE seen (n int)"))
	return p, w, dsn
}

// run is one transaction on a connection of its own.
func run(t *testing.T, dsn, sql string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer conn.Close(ctx)
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql)
		return err
	})
}

func count(t *testing.T, dsn, where string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM seen WHERE "+where).Scan(&n))
	return n
}

// A harness that does not do what it says proves nothing: of COMMITs that meet a reset some are done and some are not,
// and what was acknowledged outlives kill -9.
func TestTheHarnessItself(t *testing.T) {
	p, w, dsn := startPostgres(t)

	w.ResetCommits(3)
	for n := range 3 {
		require.Errorf(t, run(t, dsn, fmt.Sprintf("INSERT INTO seen VALUES (%d)", n)), "COMMIT %d", n)
	}
	require.Equal(t, 3, w.Hits())
	require.NoError(t, run(t, dsn, "INSERT INTO seen VALUES (3)"), "only three were to be hit")
	require.Equal(t, 0, count(t, p.DSN(), "n = 0"), "the first never reached the server")
	require.Equal(t, 1, count(t, p.DSN(), "n = 2"), "of the third only the answer was lost")
	require.Equal(t, 1, count(t, p.DSN(), "n = 3"))

	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGQUIT, syscall.SIGINT} {
		before, err := p.postmaster()
		require.NoError(t, err)
		require.NoError(t, p.Restart(t.Context(), signal, 0))
		after, err := p.postmaster()
		require.NoError(t, err)
		require.NotEqual(t, before, after)
		require.Equal(t, 1, count(t, dsn, "n = 3"), "after %s", signal)
	}

	require.NoError(t, w.Cut(t.Context(), 0))
	require.Equal(t, 1, count(t, dsn, "n = 3"))
}
