package postgres

import (
	"strings"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// splitEndpoint reads the dictionary's form of an endpoint, "METHOD route". "other" has no method.
func splitEndpoint(value string) (method, route string) {
	if method, route, found := strings.Cut(value, " "); found {
		return method, route
	}
	return "", value
}

// sdkOf reads the dictionary's form of an SDK, name, version and language with tabs between.
func sdkOf(value string, c analytics.Counts) analytics.SDK {
	name, rest, _ := strings.Cut(value, "\t")
	version, language, _ := strings.Cut(rest, "\t")
	return analytics.SDK{Name: name, Version: version, Language: language, Counts: c}
}
