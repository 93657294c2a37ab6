package apikeyauthextension

import (
	"testing"

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

	smallest := load(t, "api_key_auth")
	require.NoError(t, confmap.Validate(smallest))
	require.Equal(t, &Config{
		Store: component.MustNewID("usage_store"), Scopes: []string{"telemetry:write", "telemetry:write_any"},
	}, smallest)

	full := load(t, "api_key_auth/full")
	require.NoError(t, confmap.Validate(full))
	require.Equal(t, &Config{
		Store: component.MustNewIDWithName("usage_store", "main"), Scopes: []string{"usage:read"},
		TrustedProxies: []string{"10.0.0.0/8", "fd00::/8"},
	}, full)
}

func TestConfigReportsEverythingWrong(t *testing.T) {
	t.Parallel()
	err := confmap.Validate(load(t, "api_key_auth/bad"))
	require.ErrorContains(t, err, "`store` is missing")
	require.ErrorContains(t, err, "`scopes` has \"write\"")
	require.ErrorContains(t, err, "`trusted_proxies` has \"10.0.0.1\"")
	require.ErrorContains(t, err, "`trusted_proxies` has \"nonsense\"")
	require.ErrorContains(t, confmap.Validate(&Config{}), "`scopes` is empty")
}
