package requestlimitsextension

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config says what a caller may use up.
type Config struct {
	// MaxInFlight is how many calls may be under way at once on all servers that name the extension; further ones are
	// answered 503 (gRPC: Unavailable). Default 128.
	MaxInFlight int `mapstructure:"max_in_flight"`
	// MaxInFlightPerCaller is the share of one API key, or of one address where there is no key; further calls are
	// answered 429 (gRPC: ResourceExhausted). Default 16.
	MaxInFlightPerCaller int `mapstructure:"max_in_flight_per_caller"`
	// UnsharedScopes are the scopes whose keys are bound by MaxInFlight alone. Default telemetry:write_any, which only
	// the platform's own servers hold: all of them send with one key.
	UnsharedScopes []string `mapstructure:"unshared_scopes"`
	// MaxDepth is how deep a value, such as an attribute's, may nest. Default 64.
	MaxDepth int `mapstructure:"max_depth"`
	// MaxElements is how many records, attributes and other parts a body may have. Default 200000.
	MaxElements int `mapstructure:"max_elements"`
	// GRPCReceiveTimeout is how long a gRPC call may take to arrive; HTTP servers have read_timeout. Default 15s.
	GRPCReceiveTimeout time.Duration `mapstructure:"grpc_receive_timeout"`
	// HeapMiB is up to how much memory the Go runtime of the collector may use for garbage, which spares collecting it. It is no
	// bound: what is alive is kept, and half as much garbage. 0, or GOGC or GOMEMLIMIT in the environment,
	// leaves the runtime as it is. Default 192.
	HeapMiB int `mapstructure:"heap_mib"`

	// prevent unkeyed literal initialization
	_ struct{}
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{
		MaxInFlight: 128, MaxInFlightPerCaller: 16, UnsharedScopes: []string{"telemetry:write_any"},
		MaxDepth: 64, MaxElements: 200_000, GRPCReceiveTimeout: 15 * time.Second, HeapMiB: 192,
	}
}

// A level of nesting costs about 1.2 KiB of stack when it is decoded, and others recurse over what was decoded.
const deepest = 1000

// Validate reports everything that is wrong at once.
func (c *Config) Validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.MaxInFlight <= 0 {
		refuse("`max_in_flight` must be positive, not %d", c.MaxInFlight)
	}
	if c.MaxInFlightPerCaller <= 0 || c.MaxInFlightPerCaller > c.MaxInFlight {
		refuse("`max_in_flight_per_caller` must be between 1 and `max_in_flight`, not %d", c.MaxInFlightPerCaller)
	}
	if c.MaxDepth <= 0 || c.MaxDepth > deepest {
		refuse("`max_depth` must be between 1 and %d, not %d", deepest, c.MaxDepth)
	}
	if c.MaxElements <= 0 {
		refuse("`max_elements` must be positive, not %d", c.MaxElements)
	}
	if c.GRPCReceiveTimeout <= 0 {
		refuse("`grpc_receive_timeout` must be positive: without it a slow sender holds its place for ever")
	}
	if c.HeapMiB < 0 {
		refuse("`heap_mib` must not be negative: 0 leaves the Go runtime as it is")
	}
	return errors.Join(errs...)
}
