package keyauth

import (
	"context"
	"strings"

	"go.opentelemetry.io/collector/client"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// IsSecret reports whether a header, or an attribute that repeats one ("http.request.header.authorization"), carries
// credentials by its name. Only the part after the last dot counts, in any case.
func IsSecret(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	switch len(name) { // spares nearly all names the comparisons
	case len("cookie"), len("api_key"): // and "apikey", "api-key"
		return fold(name, "cookie", "api_key", "api-key", "apikey")
	case len("x-api-key"):
		return fold(name, "x-api-key", "x_api_key")
	case len("set-cookie"):
		return fold(name, "set-cookie", "set_cookie")
	case len("authorization"):
		return fold(name, "authorization")
	case len("proxy-authorization"):
		return fold(name, "proxy-authorization", "proxy_authorization")
	}
	return false
}

func fold(name string, secrets ...string) bool {
	for _, secret := range secrets {
		if strings.EqualFold(name, secret) {
			return true
		}
	}
	return false
}

// Scrub takes the credentials off the metadata of a call. They would travel down the pipeline with it, and into the
// file of a persistent queue in clear. The context comes back as it is when there are none.
func Scrub(ctx context.Context) context.Context {
	info := client.FromContext(ctx)
	metadata, changed := scrubbed(info.Metadata)
	if !changed {
		return ctx
	}
	info.Metadata = metadata
	return client.NewContext(ctx, info)
}

func scrubbed(m client.Metadata) (client.Metadata, bool) {
	dirty := false
	for name := range m.Keys() {
		if dirty = secretHeader(name, m.Get(name)); dirty {
			break
		}
	}
	if !dirty {
		return m, false
	}
	clean := make(map[string][]string)
	for name := range m.Keys() {
		if values := m.Get(name); !secretHeader(name, values) {
			clean[name] = values
		}
	}
	return client.NewMetadata(clean), true
}

func secretHeader(name string, values []string) bool {
	if _, found := apikey.Redact(name); found || IsSecret(name) {
		return true
	}
	for _, value := range values {
		if _, found := apikey.Redact(value); found {
			return true
		}
	}
	return false
}
