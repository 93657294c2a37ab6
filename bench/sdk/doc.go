// Package sdk measures what sdkinstrumentation costs a host, beside plain net/http and OpenTelemetry's otelhttp.
package sdk
