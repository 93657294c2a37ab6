// Package e2e tests the built collector as its users meet it: the binary, a real Postgres, telemetry over the wire, answers
// from the API. Nothing here imports a component; expected numbers are worked out by hand.
package e2e
