package usagestoreextension

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/disco-platform/mirrorball/extension/usagestoreextension/internal/metadata"
	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func load(t *testing.T, name string) *Config {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := conf.Sub(component.NewIDWithName(metadata.Type, name).String())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestConfig(t *testing.T) {
	t.Parallel()
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	smallest := load(t, "")
	require.NoError(t, smallest.Validate())
	require.Equal(t, createDefaultConfig(), smallest)
	require.True(t, smallest.embedded())
	require.Equal(t, usage.DefaultWindow, smallest.window())
	require.Equal(t, postgres.DefaultRetention, smallest.retention())
	require.Equal(t, usage.VantageServer, smallest.vantage())

	full := load(t, "full")
	require.NoError(t, full.Validate())
	require.False(t, full.embedded())
	require.Equal(t, usage.Window{Past: 30 * 24 * time.Hour, Future: 5 * time.Minute}, full.window())
	require.Equal(t, postgres.Retention{Events: 31 * 24 * time.Hour, QuarterHours: 10_000 * time.Hour, Hours: 20_000 * time.Hour}, full.retention())
	require.Equal(t, usage.VantageClient, full.vantage())
	require.NotContains(t, fmt.Sprintf("%v %+v", full, full), "db.internal", "secrets are not printed")
	require.NotContains(t, fmt.Sprintf("%v %+v", full, full), "a pepper of")
}

// Everything that is wrong is said at once, by the key to change.
func TestConfigErrors(t *testing.T) {
	t.Parallel()
	err := load(t, "wrong").Validate()
	for _, key := range []string{
		"`dsn`", "`embedded::enabled`", "`embedded::port`", "`data_dir`", "`pepper`", "`count_requests_from`", "`accepted_window::past`",
		"`accepted_window::future`", "`retention::events`", "`retention::quarter_hours`", "`retention::hours`", "`cardinality_limit`", "`max_connections`", "`read_timeout`", "`start_timeout`",
	} {
		require.ErrorContains(t, err, key)
	}
	require.NotContains(t, err.Error(), "short")
}

// An empty variable is no server, not a broken one.
func TestBlankDSNIsUnset(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"", " ", "\n"} {
		cfg := createDefaultConfig().(*Config)
		cfg.DSN = configopaque.String(dsn)
		require.True(t, cfg.embedded())
	}
}
