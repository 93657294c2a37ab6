//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package postgresusageexporter stores usage: it turns traces, logs and metrics into usage events and hands them, in
// batches, to the writer of the usage_store extension. A sender gets its success only after COMMIT.
package postgresusageexporter
