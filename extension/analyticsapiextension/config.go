package analyticsapiextension

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/disco-platform/mirrorball/internal/clientaddr"
	"github.com/disco-platform/mirrorball/internal/httpapi"
	"github.com/disco-platform/mirrorball/internal/mail"
)

// Config says where the API listens and whom it asks.
type Config struct {
	// ServerConfig is the listener: `endpoint` (default localhost:8080), `tls`, `cors`, limits and timeouts.
	ServerConfig confighttp.ServerConfig `mapstructure:",squash"`
	// Store is the usage_store that answers. Required.
	Store component.ID `mapstructure:"store"`
	// Registration says who may open an account.
	Registration RegistrationConfig `mapstructure:"registration"`
	// SMTP is the server that carries tokens to e-mail addresses. Without it operators confirm addresses, and invitations are
	// handed over by whoever makes them.
	SMTP SMTPConfig `mapstructure:"smtp"`
	// TrustedProxies are the networks, such as "10.0.0.0/8", whose X-Forwarded-For is believed. Default: none, so
	// that the caller is whoever opened the connection.
	TrustedProxies []string `mapstructure:"trusted_proxies"`
	// MaxInFlight bounds the requests that are answered at one time; others get 503. Default: 64.
	MaxInFlight int `mapstructure:"max_in_flight"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// RegistrationConfig is httpapi.Registration in YAML.
type RegistrationConfig struct {
	// Mode is "open" (anybody), "invite" (who brings an invitation, and admins) or "admin" (admins). Default: open.
	Mode string `mapstructure:"mode"`
	// PerAddress bounds the accounts opened in an hour from one address (IPv4) or /64 (IPv6). Default: 10.
	PerAddress int `mapstructure:"per_address"`
	// PerOrganization bounds the accounts opened in an hour that name the same organisation. Default: 20.
	PerOrganization int `mapstructure:"per_organization"`
	// RequestsPerHour and RequestsPerMonth are the limits of a new account's key. Default: 0, none.
	RequestsPerHour  int64 `mapstructure:"requests_per_hour"`
	RequestsPerMonth int64 `mapstructure:"requests_per_month"`

	_ struct{}
}

// SMTPConfig is mail.Config in YAML.
type SMTPConfig struct {
	// Host turns mail on.
	Host     string              `mapstructure:"host"`
	Port     int                 `mapstructure:"port"` // default 587
	Username string              `mapstructure:"username"`
	Password configopaque.String `mapstructure:"password"`
	// From is the sender's address. Required with Host.
	From string `mapstructure:"from"`
	// TLS is "mandatory" (default), "opportunistic", "implicit" or "none".
	TLS string `mapstructure:"tls"`
	// CAFile has certificates in PEM that are trusted besides the machine's. Default: none.
	CAFile string `mapstructure:"ca_file"`

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
	return &Config{
		ServerConfig: server, MaxInFlight: 64,
		Registration: RegistrationConfig{Mode: httpapi.RegistrationOpen, PerAddress: 10, PerOrganization: 20},
		SMTP:         SMTPConfig{Port: 587, TLS: "mandatory"},
	}
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
	errs = append(errs, c.Registration.check()...)
	if c.SMTP.Host != "" {
		_, err := mail.NewOutbox(c.SMTP.config(), nil)
		errs = append(errs, inSection("smtp", err))
	}
	if c.MaxInFlight < 1 {
		errs = append(errs, fmt.Errorf("`max_in_flight` is %d: it must be at least 1", c.MaxInFlight))
	}
	if _, err := clientaddr.ParseProxies(c.TrustedProxies); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r *RegistrationConfig) check() []error {
	var errs []error
	modes := []string{httpapi.RegistrationOpen, httpapi.RegistrationByInvitation, httpapi.RegistrationByAdmin}
	if !slices.Contains(modes, r.Mode) {
		errs = append(errs, fmt.Errorf("`registration::mode` is %q: it must be one of %s", r.Mode, strings.Join(modes, ", ")))
	}
	for name, n := range map[string]int{"per_address": r.PerAddress, "per_organization": r.PerOrganization} {
		if n < 1 {
			errs = append(errs, fmt.Errorf("`registration::%s` is %d: it must be at least 1", name, n))
		}
	}
	for name, n := range map[string]int64{"requests_per_hour": r.RequestsPerHour, "requests_per_month": r.RequestsPerMonth} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("`registration::%s` is %d: it must not be negative; 0 is no limit", name, n))
		}
	}
	return errs
}

func (s *SMTPConfig) config() mail.Config {
	return mail.Config{Host: s.Host, Port: s.Port, Username: s.Username, Password: string(s.Password), From: s.From, TLS: s.TLS, CAFile: s.CAFile}
}

func inSection(section string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("`%s`: %w", section, err)
}
