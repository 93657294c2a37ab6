//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package apikeyprocessor puts verified identity on every signal, and takes secrets and claims to an identity off.
//
// It runs where the context of the request is still there, that is before anything batches, and stamps on the data
// what the exporter needs of it. What an ordinary key sends is stamped on the resource, for all of it belongs to that
// key. What the platform's servers send is stamped record by record, for each names the key it is about.
package apikeyprocessor
