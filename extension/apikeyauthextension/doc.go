//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package apikeyauthextension authenticates the callers of any receiver by their API key.
//
// Whatever Authenticate returns as an error becomes 401, which senders of OTLP answer by dropping their data.
// So a failure to check a key is no error here: such a call passes unresolved, and the api_key processor
// refuses it in a way that the sender retries.
package apikeyauthextension
