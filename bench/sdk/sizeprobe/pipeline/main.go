// Command pipeline makes an HTTP call through sdkinstrumentation and its private pipeline.
package main

import (
	"net/http"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/pipeline"
)

func main() {
	in := pipeline.Start()
	client := http.Client{Transport: in.Transport(nil)}
	_, _ = client.Get("https://api.disco.example/agents") //nolint:noctx,bodyclose // only its size matters
}
