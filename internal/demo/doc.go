// Package demo fills a running collector with a platform's life: a Disco API server, and a fleet of customers who call
// it through the Disco SDK. The past is made in a minute or two, then live traffic goes on.
//
// Nothing is written behind the collector's back. Each call goes through the real SDK, the real middleware and OTLP; only
// the clock is not real: for calls of the past the time travels in the context on the client's side, and in a
// header, which only the demo's server reads, to the other side.
package demo
