package requestlimitsextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func load(t *testing.T, id string) *Config {
	t.Helper()
	all, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	sub, err := all.Sub(id)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestConfig(t *testing.T) {
	t.Parallel()
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))

	smallest := load(t, "request_limits")
	require.NoError(t, confmap.Validate(smallest))
	require.Equal(t, &Config{
		MaxInFlight: 128, MaxInFlightPerCaller: 16, UnsharedScopes: []string{"telemetry:write_any"},
		MaxDepth: 64, MaxElements: 200_000, GRPCReceiveTimeout: 15 * time.Second, HeapMiB: 192,
	}, smallest)

	full := load(t, "request_limits/full")
	require.NoError(t, confmap.Validate(full))
	require.Equal(t, &Config{
		MaxInFlight: 256, MaxInFlightPerCaller: 8, UnsharedScopes: []string{},
		MaxDepth: 16, MaxElements: 50_000, GRPCReceiveTimeout: 5 * time.Second, HeapMiB: 512,
	}, full)
}

func TestConfigReportsEverythingWrong(t *testing.T) {
	t.Parallel()
	err := confmap.Validate(load(t, "request_limits/bad"))
	for _, key := range []string{"`max_in_flight` must", "`max_in_flight_per_caller`", "`max_depth`", "`max_elements`", "`grpc_receive_timeout`", "`heap_mib`"} {
		require.ErrorContains(t, err, key)
	}
	more := createDefaultConfig().(*Config)
	more.MaxInFlight = 15
	require.ErrorContains(t, confmap.Validate(more), "`max_in_flight_per_caller` must be between 1 and `max_in_flight`, not 16")
}
