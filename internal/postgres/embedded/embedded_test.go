package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childFolder makes this test program start a server there and wait to be killed.
const childFolder = "MIRRORBALL_TEST_CHILD_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		s, err := Start(context.Background(), Config{Folder: folder, Ephemeral: os.Getenv("EPHEMERAL") != ""})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("dsn", s.DSN())
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // never comes
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func serverFolder(t *testing.T) string {
	t.Helper()
	if _, err := FindBinaries(); err != nil && os.Getenv("CI") == "" {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v", err)
	}
	parent, err := os.MkdirTemp("", "mirrorball-embedded-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(parent, 0o777|os.ModeSticky)) // as /tmp: the server's user removes its own
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(parent)) })
	return filepath.Join(parent, "postgres")
}

// child starts a server from another process, and returns its address and what kills that process.
func child(t *testing.T, folder string, env ...string) (dsn string, kill func()) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(append(os.Environ(), childFolder+"="+folder), env...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	dsn, ok := strings.CutPrefix(strings.TrimSpace(line), "dsn ")
	require.True(t, ok, line)
	return dsn, func() {
		require.NoError(t, cmd.Process.Kill()) // SIGKILL: nothing of the child runs any more
		_ = cmd.Wait()
		in.Close()
	}
}

func run(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

// A process that is killed takes its server along, and the next start goes on with what was committed.
func TestSurvivesKill(t *testing.T) {
	folder := serverFolder(t)
	dsn, kill := child(t, folder)
	run(t, dsn, `CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)`)
	_, err := Start(t.Context(), Config{Folder: folder})
	require.ErrorContains(t, err, "another process uses it")
	require.ErrorContains(t, err, "use another data folder")
	kill()

	s, err := Start(t.Context(), Config{Folder: folder})
	require.NoError(t, err)
	run(t, s.DSN(), `INSERT INTO kept SELECT n + 1 FROM kept`)
	require.NoError(t, s.Stop())
	require.NoError(t, s.Stop())
	_, err = os.Stat(filepath.Join(folder, "data", "postmaster.pid"))
	require.ErrorIs(t, err, fs.ErrNotExist, "it has stopped in order")
	info, err := os.Stat(filepath.Join(folder, "password"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// Whole pages of the log are compressed with lz4, by sessions and by autovacuum, which is one of the role that made the cluster.
func TestLogIsCompressed(t *testing.T) {
	folder := serverFolder(t)
	for range 2 {
		s, err := Start(t.Context(), Config{Folder: folder})
		require.NoError(t, err)
		conn, err := pgx.Connect(t.Context(), s.DSN())
		require.NoError(t, err)
		var compression, source string
		var role uint32
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT setting, source, current_user::regrole::oid FROM pg_settings WHERE name = 'wal_compression'`).Scan(&compression, &source, &role))
		require.Equal(t, "lz4 user 10", fmt.Sprint(compression, " ", source, " ", role), "10 is BOOTSTRAP_SUPERUSERID")
		require.NoError(t, conn.Close(t.Context()))
		require.NoError(t, s.Stop())
	}
}

// A test program that is killed leaves neither a server nor a folder behind.
func TestEphemeralLeavesNothing(t *testing.T) {
	folder := serverFolder(t)
	_, kill := child(t, folder, "EPHEMERAL=1")
	text, err := os.ReadFile(filepath.Join(folder, "data", "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	require.NoError(t, err)
	kill()
	require.Eventually(t, func() bool {
		_, err := os.Stat(folder)
		return errors.Is(err, fs.ErrNotExist)
	}, 30*time.Second, 20*time.Millisecond)
	_, err = os.Stat(fmt.Sprint("/proc/", pid))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestStartFailsClearly(t *testing.T) {
	folder := serverFolder(t)
	_, err := Start(t.Context(), Config{Folder: folder, Binaries: t.TempDir()})
	require.ErrorContains(t, err, "cannot create a Postgres cluster")
	t.Setenv("PATH", t.TempDir())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Start(ended, Config{Folder: folder})
	require.ErrorIs(t, err, context.Canceled)
}

// Below a folder that is closed to the server's user, its files go elsewhere and a link says where.
func TestUnreachableFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as another user")
	}
	parent := filepath.Dir(serverFolder(t))
	require.NoError(t, os.Chmod(parent, 0o700))
	folder := filepath.Join(parent, "postgres")
	for range 2 {
		s, err := Start(t.Context(), Config{Folder: folder})
		require.NoError(t, err)
		target, err := os.Readlink(folder)
		require.NoError(t, err)
		require.Equal(t, target, s.Folder())
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(target)) })
		run(t, s.DSN(), `CREATE TABLE IF NOT EXISTS kept (n int)`)
		require.NoError(t, s.Stop())
	}
}

// A server that is killed is known to have ended; one that cannot start is not waited for.
func TestEndedByItself(t *testing.T) {
	folder := serverFolder(t)
	s, err := Start(t.Context(), Config{Folder: folder, Ephemeral: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	text, err := os.ReadFile(filepath.Join(folder, "data", "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	require.NoError(t, err)
	select {
	case <-s.Ended():
		t.Fatal("said to have ended while it runs")
	default:
	}
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	<-s.Ended()
}

func TestTakenPortIsNotWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = Start(t.Context(), Config{Folder: serverFolder(t), Ephemeral: true, Port: l.Addr().(*net.TCPAddr).Port})
	require.ErrorContains(t, err, "Postgres ended at start")
}

// Another program may take a port between its choice and its use.
func TestAnotherPortIsTakenInstead(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	choices := 0
	s, err := Start(t.Context(), Config{Folder: serverFolder(t), choosePort: func() (int, error) {
		if choices++; choices < launchTries {
			return taken, nil
		}
		return serverPorts.choose()
	}})
	require.NoError(t, err)
	require.NotEqual(t, taken, s.port)
	run(t, s.DSN(), `CREATE TABLE kept (n int)`)
	require.NoError(t, s.Stop())

	_, err = Start(t.Context(), Config{Folder: serverFolder(t), choosePort: func() (int, error) { return taken, nil }})
	require.ErrorIs(t, err, errPortTaken)
}
