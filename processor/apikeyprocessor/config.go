package apikeyprocessor

import (
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config says where keys and countries are looked up.
type Config struct {
	// Store is the usage_store that keeps the keys. Required.
	Store component.ID `mapstructure:"store"`
	Geo   GeoConfig    `mapstructure:"geo"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// GeoConfig says how an address becomes a country.
type GeoConfig struct {
	// MMDB is the path of a file such as GeoLite2-Country.mmdb. Default: the table that is built in.
	MMDB string `mapstructure:"mmdb"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config { return &Config{} }

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	if c.Store == (component.ID{}) {
		return errors.New("`store` is missing: name the usage_store extension")
	}
	return nil
}
