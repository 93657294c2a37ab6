package apikeyprocessor

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

	smallest := load(t, "api_key")
	require.NoError(t, confmap.Validate(smallest))
	require.Equal(t, &Config{Store: component.MustNewID("usage_store")}, smallest)

	full := load(t, "api_key/full")
	require.NoError(t, confmap.Validate(full))
	require.Equal(t, &Config{
		Store: component.MustNewIDWithName("usage_store", "main"),
		Geo:   GeoConfig{MMDB: "/var/lib/GeoIP/GeoLite2-Country.mmdb"},
	}, full)

	require.ErrorContains(t, confmap.Validate(load(t, "api_key/bad")), "`store` is missing")
}
