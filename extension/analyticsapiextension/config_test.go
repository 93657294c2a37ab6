package analyticsapiextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
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

	smallest := load(t, "analytics_api")
	require.NoError(t, confmap.Validate(smallest))
	require.Equal(t, "localhost:8080", smallest.ServerConfig.NetAddr.Endpoint)
	require.Equal(t, component.MustNewID("usage_store"), smallest.Store)
	require.EqualValues(t, 64<<10, smallest.ServerConfig.MaxRequestBodySize)
	require.Equal(t, 15*time.Second, smallest.ServerConfig.ReadTimeout)
	require.Equal(t, 10, smallest.RegistrationsPerHour)

	full := load(t, "analytics_api/full")
	require.NoError(t, confmap.Validate(full))
	require.Equal(t, component.MustNewIDWithName("usage_store", "main"), full.Store)
	require.Equal(t, 100, full.RegistrationsPerHour)
	require.Equal(t, 32, full.MaxInFlight)
	require.Equal(t, []string{"10.0.0.0/8", "::1/128"}, full.TrustedProxies)
	require.True(t, full.ServerConfig.TLS.HasValue())
}

func TestConfigReportsEverythingWrong(t *testing.T) {
	t.Parallel()
	err := confmap.Validate(load(t, "analytics_api/bad"))
	for _, says := range []string{
		"`store` is missing", "`endpoint` is empty", "`registrations_per_hour` is 0", "`max_in_flight` is -1",
		"`trusted_proxies` has \"10.0.0.1\"", "`trusted_proxies` has \"nonsense\"",
	} {
		require.ErrorContains(t, err, says)
	}
}
