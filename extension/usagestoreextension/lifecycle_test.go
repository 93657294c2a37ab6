package usagestoreextension

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/disco-platform/mirrorball/extension/usagestoreextension/internal/metadata"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres/embedded"
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
