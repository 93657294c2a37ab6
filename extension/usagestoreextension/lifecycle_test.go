package usagestoreextension

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/disco-platform/mirrorball/extension/usagestoreextension/internal/metadata"
	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/analytics"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func newStore(t *testing.T, change func(*Config)) *usageStore {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	change(cfg)
	require.NoError(t, cfg.Validate())
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	return ext.(*usageStore)
}

// dataDir is a folder that the user of the server can reach; t.TempDir is closed to others.
func dataDir(t *testing.T) string {
	t.Helper()
	if _, err := embedded.FindBinaries(); err != nil && os.Getenv("CI") == "" {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v", err)
	}
	folder, err := os.MkdirTemp("", "mirrorball-store-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	return folder
}

func readKey(t *testing.T, folder, name string) string {
	t.Helper()
	path := filepath.Join(folder, name+".key")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

// The same folder is started twice: keys, pepper and data are those of the first time.
func TestEmbeddedLifecycle(t *testing.T) {
	folder := dataDir(t)
	inFolder := func(c *Config) { c.DataDir = folder }
	host := componenttest.NewNopHost()

	first := newStore(t, inFolder)
	require.NoError(t, first.Start(t.Context(), host))
	admin, platform := readKey(t, folder, "admin"), readKey(t, folder, "platform")
	id, err := first.Keys().VerifyFresh(t.Context(), admin)
	require.NoError(t, err)
	require.True(t, id.Has(apikey.ScopeAdmin))
	require.Equal(t, "live", id.Environment)
	require.Empty(t, id.UserID)
	require.FileExists(t, filepath.Join(folder, "server.json"))

	other := newStore(t, inFolder)
	require.ErrorContains(t, other.Start(t.Context(), host), "another process uses it")
	require.NoError(t, other.Shutdown(t.Context()))
	require.NoError(t, first.Shutdown(t.Context()))
	require.NoFileExists(t, filepath.Join(folder, "server.json"))

	require.NoError(t, os.Remove(filepath.Join(folder, "admin.key")))
	second := newStore(t, inFolder)
	require.NoError(t, second.Start(t.Context(), host))
	require.NoFileExists(t, filepath.Join(folder, "admin.key"), "a key is written once")
	_, err = second.Keys().VerifyFresh(t.Context(), admin)
	require.NoError(t, err)
	id, err = second.Keys().VerifyFresh(t.Context(), platform)
	require.NoError(t, err)
	require.True(t, id.Has(apikey.ScopeTelemetryWriteAny))
	_, err = second.Writer().Write(t.Context(), &usage.Batch{})
	require.NoError(t, err)
	require.NoError(t, second.Shutdown(t.Context()))
	require.NoError(t, second.Shutdown(t.Context()), "a second Shutdown does nothing")

	third := newStore(t, func(c *Config) { c.DataDir, c.Pepper = folder, configopaque.String("another pepper, long enough") })
	err = third.Start(t.Context(), host)
	require.ErrorContains(t, err, "pepper is not the one")
	require.NotContains(t, err.Error(), "long enough")
}

// A server that is not there is waited for, and then named without its address.
func TestServerAway(t *testing.T) {
	s := newStore(t, func(c *Config) {
		c.DataDir, c.StartTimeout = t.TempDir(), 300*time.Millisecond
		c.DSN = "postgres://secretuser:secretword@127.0.0.1:1/secretdb"
	})
	err := s.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorContains(t, err, "`start_timeout`")
	require.ErrorContains(t, err, "the address in `dsn`")
	require.NotContains(t, err.Error(), "secret")
	require.NoError(t, s.Shutdown(t.Context()))
}

// Two collectors with one database make the first keys once, and refused calls of both are added up.
func TestTwoCollectorsOneDatabase(t *testing.T) {
	dsn := postgrestest.NewDSN(t)
	var stores []*usageStore
	var folders []string
	for range 2 {
		folder := t.TempDir()
		folders = append(folders, folder)
		stores = append(stores, newStore(t, func(c *Config) {
			c.DSN, c.DataDir, c.Pepper = configopaque.String(dsn), folder, "one pepper for both of them"
		}))
	}
	done := make(chan error)
	for _, s := range stores {
		go func() { done <- s.Start(t.Context(), componenttest.NewNopHost()) }()
	}
	require.NoError(t, errors.Join(<-done, <-done))
	keys, err := filepath.Glob(filepath.Join(filepath.Dir(folders[0]), "*", "*.key"))
	require.NoError(t, err)
	require.Len(t, keys, 2)

	at := time.Date(2026, 11, 24, 7, 0, 30, 0, time.UTC)
	for _, s := range stores {
		s.Refusals().Note(at, netip.MustParseAddr("192.0.2.7"), "", apikey.RefusedMissing)
		s.Refusals().Note(at, netip.MustParseAddr("192.0.2.8"), "", apikey.RefusedMissing)
		require.NoError(t, s.Shutdown(t.Context()))
	}
	db := postgrestest.Open(t, postgres.Config{DSN: dsn})
	var count int
	var prefix string
	err = db.Pool().QueryRow(t.Context(), `SELECT sum(count), string_agg(DISTINCT prefix::text, ' ') FROM refused_calls`).Scan(&count, &prefix)
	require.NoError(t, err)
	require.Equal(t, 4, count)
	require.Equal(t, "192.0.2.0/24", prefix)
}

// What others ask for is there, and usage written through it is answered by the reader's side of the same database.
func TestStore(t *testing.T) {
	s := newStore(t, func(c *Config) {
		c.DSN, c.DataDir, c.CountRequestsFrom = configopaque.String(postgrestest.NewDSN(t)), t.TempDir(), "client"
	})
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
	var store Store = s
	require.Equal(t, usage.DefaultWindow, store.Window())
	keyAccount, err := store.Accounts().Register(t.Context(), access.Operator, accounts.Registration{Email: "a@example.com", Organization: "A", Name: "A", Environment: "live"})
	require.NoError(t, err)
	key := keyAccount.Key
	id, err := store.Keys().Verify(t.Context(), key.Raw)
	require.NoError(t, err)
	r, err := store.Writer().Write(t.Context(), &usage.Batch{Events: []usage.Event{{
		ID: usage.NamedID('t', "1"), Kind: usage.KindRequest, Vantage: usage.VantageClient, KeyID: id.KeyID, Time: time.Now(), Method: "GET", Route: "/",
	}}})
	require.NoError(t, err)
	require.Equal(t, usage.Receipt{Stored: 1}, r)
	window, err := analytics.ParseWindow(analytics.WindowRequest{}, time.Now().Add(time.Hour))
	require.NoError(t, err)
	u, err := store.Reader().Usage(t.Context(), analytics.UsageQuestion{By: access.Operator, Subject: analytics.Subject{KeyID: id.KeyID}, Window: window, Top: 1})
	require.NoError(t, err)
	require.Equal(t, analytics.Counts{Requests: 1}, u.Counts, "`count_requests_from: client` counts what the SDK saw")
	limited := *id
	limited.Allowance.PerMonth = 1
	d, err := store.Allowances().Take(t.Context(), &limited, 1)
	require.NoError(t, err)
	require.Equal(t, apikey.RefusedOverQuota, d.Refused, "the client's vantage uses quotas up")
	store.Uses().Note(id.KeyID, time.Now())
	store.Refusals().NoteKey(time.Now(), netip.MustParseAddr("192.0.2.7"), id, d.Refused)
	_, err = store.Accounts().RevokeKey(t.Context(), access.Operator, id.KeyID)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := store.Keys().Verify(t.Context(), key.Raw)
		return errors.Is(err, apikey.ErrRevoked)
	}, 5*time.Second, 10*time.Millisecond)
	require.NoError(t, s.Shutdown(t.Context()))
	db := postgrestest.Open(t, postgres.Config{DSN: string(s.config.DSN)})
	var written int
	err = db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM api_keys k JOIN refused_calls r ON r.key = k.seq WHERE k.last_used IS NOT NULL`).Scan(&written)
	require.NoError(t, err)
	require.Equal(t, 1, written, "what was noted is written at Shutdown")
}

// statusHost hears what components report of themselves.
type statusHost struct {
	component.Host
	events chan *componentstatus.Event
}

func (h statusHost) Report(e *componentstatus.Event) { h.events <- e }

// A collector whose Postgres was killed under it ends, so that whoever looks after it starts it again.
func TestKilledServerIsFatal(t *testing.T) {
	t.Parallel()
	folder := dataDir(t)
	s := newStore(t, func(c *Config) { c.DataDir = folder })
	host := statusHost{componenttest.NewNopHost(), make(chan *componentstatus.Event, 1)}
	require.NoError(t, s.Start(t.Context(), host))
	text, err := os.ReadFile(filepath.Join(s.server.Folder(), "data", "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	event := <-host.events
	require.Equal(t, componentstatus.StatusFatalError, event.Status())
	require.ErrorContains(t, event.Err(), "ended by itself")
	require.NoError(t, s.Shutdown(t.Context()))
}

// The first keys of another database may be the only copies there are.
func TestFirstKeysDoNotReplaceOthers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := newStore(t, func(c *Config) { c.DataDir = folder })
	require.NoError(t, s.keepKey("admin", "one"))
	require.NoError(t, s.keepKey("admin", "two"))
	require.Equal(t, "two", readKey(t, folder, "admin"))
	aside, err := filepath.Glob(filepath.Join(folder, "admin.key.*"))
	require.NoError(t, err)
	require.Len(t, aside, 1)
}
