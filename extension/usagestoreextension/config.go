package usagestoreextension

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Config of the usage_store extension.
type Config struct {
	// DSN is the connection string of a Postgres server, 15 or newer. Empty: the embedded server.
	DSN configopaque.String `mapstructure:"dsn"`
	// Embedded is the server of our own, used when DSN is empty.
	Embedded EmbeddedConfig `mapstructure:"embedded"`
	// DataDir holds the pepper, the first keys, the embedded server and its address for mirrorctl. Default "./data".
	DataDir string `mapstructure:"data_dir"`
	// Pepper keys the digests of API keys, at least 16 characters. Every collector of one database needs the same.
	// Empty: the one in DataDir, which is made at first.
	Pepper configopaque.String `mapstructure:"pepper"`
	// CountRequestsFrom says whose spans are the requests: "server" (default) or "client". It applies when reading.
	CountRequestsFrom string `mapstructure:"count_requests_from"`
	// AcceptedWindow is the span of event times that is accepted.
	AcceptedWindow WindowConfig `mapstructure:"accepted_window"`
	// Retention is how long what is kept. Collectors of one database need the same.
	Retention RetentionConfig `mapstructure:"retention"`
	// CardinalityLimit is how many distinct values of an endpoint, SDK, country and so on a key may use in a UTC day;
	// the rest is counted under "other". 1 to 10,000, default 500.
	CardinalityLimit int `mapstructure:"cardinality_limit"`
	// MaxConnections bounds each of the two pools, for writing and for reading; jobs take up to six more. 2 to 1,000, default 8.
	MaxConnections int `mapstructure:"max_connections"`
	// ReadTimeout ends a question to the database. Default 30s.
	ReadTimeout time.Duration `mapstructure:"read_timeout"`
	// StartTimeout is how long Start waits for a server that does not answer yet. Default 30s.
	StartTimeout time.Duration `mapstructure:"start_timeout"`

	_ struct{}
}

// EmbeddedConfig is about the Postgres server that the collector runs itself.
type EmbeddedConfig struct {
	// Enabled may be set to false, so that a missing DSN is an error. Default true.
	Enabled bool `mapstructure:"enabled"`
	// DataDir holds the server's files. Default "postgres" within the data_dir of the extension.
	DataDir string `mapstructure:"data_dir"`
	// Port on 127.0.0.1; 0, the default, picks a free one at each start.
	Port int `mapstructure:"port"`

	_ struct{}
}

// WindowConfig is usage.Window in YAML.
type WindowConfig struct {
	// Past is how far back an event may lie, 1h to 9,600h (400 days). Default 2160h (90 days).
	Past time.Duration `mapstructure:"past"`
	// Future is how far ahead an event may lie, 0 to 24h. Default 1h.
	Future time.Duration `mapstructure:"future"`

	_ struct{}
}

// RetentionConfig is postgres.Retention in YAML.
type RetentionConfig struct {
	// Events is how long events, quarantined records, reported metrics and refused calls are kept; at least
	// accepted_window::past and a day. Default 9624h (401 days).
	Events time.Duration `mapstructure:"events"`
	// QuarterHours is how long statistics are kept by the quarter of an hour; at least 9600h (400 days), and as long as
	// events. Default 9624h.
	QuarterHours time.Duration `mapstructure:"quarter_hours"`
	// Hours is how long statistics are kept by the hour, and the ledger of what was received; at least as long as
	// quarter_hours. By the UTC day statistics are kept for ever. Default 19200h (800 days).
	Hours time.Duration `mapstructure:"hours"`

	_ struct{}
}

func createDefaultConfig() component.Config {
	return &Config{
		Embedded:          EmbeddedConfig{Enabled: true},
		DataDir:           "./data",
		CountRequestsFrom: "server",
		AcceptedWindow:    WindowConfig{Past: usage.DefaultWindow.Past, Future: usage.DefaultWindow.Future},
		Retention: RetentionConfig{
			Events: postgres.DefaultRetention.Events, QuarterHours: postgres.DefaultRetention.QuarterHours, Hours: postgres.DefaultRetention.Hours,
		},
		CardinalityLimit: 500,
		MaxConnections:   8,
		ReadTimeout:      30 * time.Second,
		StartTimeout:     30 * time.Second,
	}
}

// Validate names everything that is wrong at once.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(!c.embedded() || c.Embedded.Enabled, "`dsn` is required when `embedded::enabled` is false")
	check(c.Embedded.Port >= 0 && c.Embedded.Port <= 65535, "`embedded::port` must be from 0 to 65535, not %d", c.Embedded.Port)
	check(strings.TrimSpace(c.DataDir) != "", "`data_dir` must not be empty")
	check(c.Pepper == "" || len(strings.TrimSpace(string(c.Pepper))) >= 16, "`pepper` must have at least 16 characters")
	check(c.CountRequestsFrom == "server" || c.CountRequestsFrom == "client", "`count_requests_from` must be server or client, not %q", c.CountRequestsFrom)
	check(c.AcceptedWindow.Past >= time.Hour && c.AcceptedWindow.Past <= 400*24*time.Hour, "`accepted_window::past` must be from 1h to 9600h, not %s", c.AcceptedWindow.Past)
	check(c.AcceptedWindow.Future >= 0 && c.AcceptedWindow.Future <= 24*time.Hour, "`accepted_window::future` must be from 0s to 24h, not %s", c.AcceptedWindow.Future)
	errs = append(errs, c.retention().Check(c.window())...)
	check(c.CardinalityLimit >= 1 && c.CardinalityLimit <= 10_000, "`cardinality_limit` must be from 1 to 10000, not %d", c.CardinalityLimit)
	check(c.MaxConnections >= 2 && c.MaxConnections <= 1000, "`max_connections` must be from 2 to 1000, not %d", c.MaxConnections)
	check(c.ReadTimeout >= time.Second, "`read_timeout` must be at least 1s, not %s", c.ReadTimeout)
	check(c.StartTimeout > 0, "`start_timeout` must be positive, not %s", c.StartTimeout)
	return errors.Join(errs...)
}

// embedded reports whether no server is named; an empty variable counts as none.
func (c *Config) embedded() bool { return strings.TrimSpace(string(c.DSN)) == "" }

func (c *Config) window() usage.Window {
	return usage.Window{Past: c.AcceptedWindow.Past, Future: c.AcceptedWindow.Future}
}

func (c *Config) retention() postgres.Retention {
	return postgres.Retention{Events: c.Retention.Events, QuarterHours: c.Retention.QuarterHours, Hours: c.Retention.Hours}
}

func (c *Config) vantage() usage.Vantage {
	if c.CountRequestsFrom == "client" {
		return usage.VantageClient
	}
	return usage.VantageServer
}
