// Package discoapi is a small server of Disco, the imaginary API for payments between AI agents.
//
// It shows how a platform uses sdkinstrumentation on its own API servers: one middleware around the router, and
// one [sdkinstrumentation.Annotate] where a handler knows what a call was about. Everything is kept in memory, the
// newest things of each account only.
package discoapi
