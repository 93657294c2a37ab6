package usageeventsreceiver

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func load(t *testing.T, name string) *Config {
	t.Helper()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := all.Sub(name)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestConfig(t *testing.T) {
	t.Parallel()
	smallest := load(t, "usage_events")
	require.NoError(t, confmap.Validate(smallest))
	require.Equal(t, "localhost:4319", smallest.NetAddr.Endpoint)
	require.Equal(t, "/events", smallest.Path)
	require.Equal(t, int64(4<<20), smallest.MaxRequestBodySize)
	require.Equal(t, 15*time.Second, smallest.ReadTimeout)
	require.Equal(t, []string{"", "gzip"}, smallest.CompressionAlgorithms)

	full := load(t, "usage_events/full")
	require.NoError(t, confmap.Validate(full))
	require.Equal(t, "/v1/events", full.Path)
	require.Equal(t, 128, full.MaxInFlight)
	require.Equal(t, []string{""}, full.CompressionAlgorithms)
	require.True(t, full.TLS.HasValue())
}

func TestValidateNamesEveryKeyThatIsWrong(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.NetAddr.Endpoint = ""
	cfg.Path = "events"
	cfg.MaxInFlight = 0
	cfg.MaxRequestBodySize = 0
	cfg.ReadTimeout = 0
	cfg.CompressionAlgorithms = []string{"zstd"}
	err := confmap.Validate(cfg)
	for _, key := range []string{"`endpoint`", "`path`", "`max_in_flight`", "`max_request_body_size`", "`read_timeout`", "`compression_algorithms`"} {
		require.ErrorContains(t, err, key)
	}
}
