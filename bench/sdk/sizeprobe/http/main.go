// Command http is what the others are compared with: a program that makes an HTTP call.
package main

import "net/http"

func main() { _, _ = http.Get("https://api.disco.example/agents") } //nolint:noctx,bodyclose // only its size matters
