//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package analyticsapiextension serves the analytics API: registration of users, and answers about usage.
//
// The API itself is internal/httpapi; this extension gives it a listener and what the usage_store keeps.
package analyticsapiextension
