//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package usagestoreextension owns the Postgres that usage, keys and accounts are kept in.
//
// Start makes the database usable: it starts an embedded server when no other is configured, migrates the schema,
// compares the pepper and makes the first keys of a new installation. From then on the extension is a [Store]
// that other components ask for what they need, and keeps partitions ready and refusals written.
package usagestoreextension
