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
	require.Equal(t, RegistrationConfig{Mode: "open", PerAddress: 10, PerOrganization: 20}, smallest.Registration)
	require.Empty(t, smallest.SMTP.Host, "no mail unless it is asked for")

	full := load(t, "analytics_api/full")
	require.NoError(t, confmap.Validate(full))
	require.Equal(t, component.MustNewIDWithName("usage_store", "main"), full.Store)
	require.Equal(t, RegistrationConfig{Mode: "invite", PerAddress: 100, PerOrganization: 200, RequestsPerHour: 1000, RequestsPerMonth: 100_000}, full.Registration)
	require.Equal(t, SMTPConfig{
		Host: "mail.example.com", Port: 2525, Username: "mirrorball", Password: "secret", From: "mirrorball@example.com", TLS: "opportunistic",
	}, full.SMTP)
	require.Equal(t, 32, full.MaxInFlight)
	require.Equal(t, []string{"10.0.0.0/8", "::1/128"}, full.TrustedProxies)
	require.True(t, full.ServerConfig.TLS.HasValue())
}

func TestConfigReportsEverythingWrong(t *testing.T) {
	t.Parallel()
	err := confmap.Validate(load(t, "analytics_api/bad"))
	for _, says := range []string{
		"`store` is missing", "`endpoint` is empty", "`registration::mode` is \"closed\"", "`registration::per_address` is 0", "`registration::per_organization` is -1",
		"`registration::requests_per_hour` is -1", "`smtp`: `from` is \"nobody\"", "`max_in_flight` is -1",
		"`trusted_proxies` has \"10.0.0.1\"", "`trusted_proxies` has \"nonsense\"",
	} {
		require.ErrorContains(t, err, says)
	}
}
