// Package postgrestest gives each test a Postgres database of its own.
//
// The server is the one of MIRRORBALL_TEST_DATABASE_URL, whose login must be allowed to create databases and roles;
// without it, one server is started for the test process and ends with it, even when the process is killed.
package postgrestest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
)

// Variable names the environment variable with the server to use.
const Variable = "MIRRORBALL_TEST_DATABASE_URL"

// New is a fresh, migrated database that no other test sees. It is dropped at the end unless the test failed.
func New(t testing.TB) *postgres.DB {
	t.Helper()
	return Open(t, postgres.Config{DSN: NewDSN(t)})
}

// Open opens a database for the time of a test.
func Open(t testing.TB, cfg postgres.Config) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

// NewDSN is the address of a database as New makes it, for tests that open it themselves.
func NewDSN(t testing.TB) string {
	t.Helper()
	return create(t, templateName(t))
}

// NewEmptyDSN is the address of a database without a schema.
func NewEmptyDSN(t testing.TB) string {
	t.Helper()
	return create(t, "template1")
}

var count atomic.Int64

func create(t testing.TB, template string) string {
	t.Helper()
	admin := serverDSN(t)
	name := fmt.Sprintf("mirrorball_test_%d_%d", os.Getpid(), count.Add(1))
	exec(t, admin, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template))
	t.Cleanup(func() {
		if t.Failed() && os.Getenv(Variable) != "" {
			t.Logf("database %s is kept for a look", name)
			return
		}
		exec(t, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	return withDatabase(t, admin, name)
}

// exec runs a statement over a connection of its own.
func exec(t testing.TB, dsn, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // t.Context has ended in Cleanup
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	require.NoError(t, err)
}

func withDatabase(t testing.TB, dsn, name string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err, "%s has to be a URL", Variable)
	u.Path = "/" + name
	return u.String()
}

var server struct {
	once sync.Once
	dsn  string
	err  error
}

// serverDSN starts the server of this process at first.
func serverDSN(t testing.TB) string {
	t.Helper()
	server.once.Do(func() {
		if dsn := os.Getenv(Variable); dsn != "" {
			server.dsn = dsn
			return
		}
		server.dsn, server.err = startServer()
	})
	if errors.Is(server.err, embedded.ErrNoBinaries) && os.Getenv("CI") == "" {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v; set %s or install Postgres", server.err, Variable)
	}
	require.NoError(t, server.err)
	return server.dsn
}

// startServer leaves the server to end with this process.
func startServer() (string, error) {
	folder, err := os.MkdirTemp("", "mirrorball-postgres-")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := embedded.Start(ctx, embedded.Config{Folder: folder, Ephemeral: true})
	if err != nil {
		return "", err
	}
	return s.DSN(), nil
}

var template struct {
	sync.Mutex
	name string
}

// templateName is a migrated database to clone, which takes a fraction of the time of migrating. It is named
// after the migrations, so processes that share a server share it too, and never get an old one.
func templateName(t testing.TB) string {
	t.Helper()
	admin := serverDSN(t)
	template.Lock()
	defer template.Unlock()
	if template.name == "" {
		template.name = makeTemplate(t, admin)
	}
	return template.name
}

func makeTemplate(t testing.TB, admin string) string {
	t.Helper()
	ctx := t.Context()
	name := "mirrorball_template_" + migrationsHash(t)
	conn, err := pgx.Connect(ctx, admin)
	require.NoError(t, err)
	defer conn.Close(ctx) // and with it the lock
	_, err = conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext('mirrorball test template'))")
	require.NoError(t, err)
	var exists bool
	require.NoError(t, conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists))
	if exists {
		return name
	}
	_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS mirrorball_template_new WITH (FORCE)")
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "CREATE DATABASE mirrorball_template_new")
	require.NoError(t, err)
	db, err := postgres.Open(ctx, postgres.Config{DSN: withDatabase(t, admin, "mirrorball_template_new")})
	require.NoError(t, err)
	db.Close()
	_, err = conn.Exec(ctx, "ALTER DATABASE mirrorball_template_new RENAME TO "+name)
	require.NoError(t, err)
	return name
}

func migrationsHash(t testing.TB) string {
	t.Helper()
	hash := sha256.New()
	names, err := fs.Glob(postgres.Migrations(), "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(postgres.Migrations(), name)
		require.NoError(t, err)
		hash.Write([]byte(strings.TrimSpace(name)))
		hash.Write(text)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
