package usageeventsreceiver

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

// Config of the receiver.
type Config struct {
	// ServerConfig is where and how to listen: endpoint (default localhost:4319), tls, auth and so on.
	// max_request_body_size is 4 MiB, also after decompression; compression_algorithms "" and gzip; read_timeout 15s.
	confighttp.ServerConfig `mapstructure:",squash"`

	// Path takes the events. Default /events.
	Path string `mapstructure:"path"`

	// MaxInFlight is how many requests may be under way at once; further ones are answered 503 with Retry-After.
	// With max_request_body_size it bounds the receiver's memory. One caller may take them all: what shares them out is a
	// middleware, request_limits. Default 64.
	MaxInFlight int `mapstructure:"max_in_flight"`
}

var _ confmap.Validator = (*Config)(nil)

const maxBody = 4 << 20

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = "localhost:4319"
	server.MaxRequestBodySize = maxBody
	server.CompressionAlgorithms = []string{"", "gzip"}
	server.ReadTimeout = 15 * time.Second
	server.ReadHeaderTimeout = 10 * time.Second
	return &Config{ServerConfig: server, Path: "/events", MaxInFlight: 64}
}

// Validate checks what the embedded settings do not.
func (c *Config) Validate() error {
	var errs error
	refuse := func(format string, args ...any) { errs = errors.Join(errs, fmt.Errorf(format, args...)) }
	if c.NetAddr.Endpoint == "" {
		refuse("`endpoint` is required, such as localhost:4319")
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " {}?#") {
		refuse("`path` must begin with / and be a plain path such as /events, not %q", c.Path)
	}
	if c.MaxInFlight <= 0 {
		refuse("`max_in_flight` must be positive, not %d", c.MaxInFlight)
	}
	if c.MaxRequestBodySize <= 0 {
		refuse("`max_request_body_size` must be positive: it bounds the receiver's memory")
	}
	if c.ReadTimeout <= 0 {
		refuse("`read_timeout` must be positive: without it a slow sender holds its place for ever")
	}
	for _, algorithm := range c.CompressionAlgorithms {
		if algorithm != "" && algorithm != "gzip" {
			refuse("`compression_algorithms` may hold \"\" and gzip only, not %q: the memory that others take is not bounded by `max_request_body_size`", algorithm)
		}
	}
	return errs
}
