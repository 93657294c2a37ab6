package analyticsapiextension

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/disco-platform/mirrorball/internal/clientaddr"
)

// Config says where the API listens and whom it asks.
type Config struct {
	// ServerConfig is the listener: `endpoint` (default localhost:8080), `tls`, `cors`, limits and timeouts.
	ServerConfig confighttp.ServerConfig `mapstructure:",squash"`
	// Store is the usage_store that answers. Required.
	Store component.ID `mapstructure:"store"`
	// RegistrationsPerHour bounds the accounts opened from one address (IPv4) or /64 (IPv6). Default: 10.
	RegistrationsPerHour int `mapstructure:"registrations_per_hour"`
	// TrustedProxies are the networks, such as "10.0.0.0/8", whose X-Forwarded-For is believed. Default: none, so
	// that the caller is whoever opened the connection.
	TrustedProxies []string `mapstructure:"trusted_proxies"`
	// MaxInFlight bounds the requests that are answered at one time; others get 503. Default: 64.
	MaxInFlight int `mapstructure:"max_in_flight"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "localhost:8080"
	server.MaxRequestBodySize = 64 << 10
	server.CompressionAlgorithms = []string{"", "gzip"}
	server.ReadHeaderTimeout = 10 * time.Second
	server.ReadTimeout = 15 * time.Second
	return &Config{ServerConfig: server, RegistrationsPerHour: 10, MaxInFlight: 64}
}

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	var errs []error
	if c.Store == (component.ID{}) {
		errs = append(errs, errors.New("`store` is missing: name the usage_store extension"))
	}
	if c.ServerConfig.NetAddr.Endpoint == "" {
		errs = append(errs, errors.New("`endpoint` is empty: name an address such as localhost:8080"))
	}
	if c.RegistrationsPerHour < 1 {
		errs = append(errs, fmt.Errorf("`registrations_per_hour` is %d: it must be at least 1", c.RegistrationsPerHour))
	}
	if c.MaxInFlight < 1 {
		errs = append(errs, fmt.Errorf("`max_in_flight` is %d: it must be at least 1", c.MaxInFlight))
	}
	if _, err := clientaddr.ParseProxies(c.TrustedProxies); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
