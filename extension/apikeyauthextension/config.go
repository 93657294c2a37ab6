package apikeyauthextension

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/clientaddr"
)

// Config says how callers are authenticated.
type Config struct {
	// Store is the usage_store that keeps the keys. Required.
	Store component.ID `mapstructure:"store"`
	// Scopes are those of which a key must hold at least one. Default: telemetry:write, telemetry:write_any.
	Scopes []string `mapstructure:"scopes"`
	// TrustedProxies are the networks, such as "10.0.0.0/8", whose X-Forwarded-For is believed. Default: none, so
	// that the caller is whoever opened the connection.
	TrustedProxies []string `mapstructure:"trusted_proxies"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{Scopes: []string{apikey.ScopeTelemetryWrite, apikey.ScopeTelemetryWriteAny}}
}

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	var errs []error
	if c.Store == (component.ID{}) {
		errs = append(errs, errors.New("`store` is missing: name the usage_store extension"))
	}
	if len(c.Scopes) == 0 {
		errs = append(errs, errors.New("`scopes` is empty: name at least one, or leave it out"))
	}
	for _, s := range c.Scopes {
		switch s {
		case apikey.ScopeTelemetryWrite, apikey.ScopeTelemetryWriteAny, apikey.ScopeUsageRead, apikey.ScopeAdmin:
		default:
			errs = append(errs, fmt.Errorf("`scopes` has %q, which no key can hold", s))
		}
	}
	if _, err := clientaddr.ParseProxies(c.TrustedProxies); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
