// Command core makes an HTTP call through sdkinstrumentation, with no pipeline.
package main

import (
	"net/http"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

func main() {
	in := sdkinstrumentation.New()
	client := http.Client{Transport: in.Transport(nil)}
	_, _ = client.Get("https://api.disco.example/agents") //nolint:noctx,bodyclose // only its size matters
}
