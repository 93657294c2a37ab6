package postgres

import (
	"strings"

	"github.com/disco-platform/mirrorball/internal/analytics"
)

// splitEndpoint reads the dictionary's form of an endpoint: "METHOD route", or the one of them that is known. "other" has
// no method.
func splitEndpoint(value string) (method, route string) {
	method, route, found := strings.Cut(value, " ")
	if found {
		return method, route
	}
	if value == "other" || strings.HasPrefix(value, "/") {
		return "", value
	}
	return value, ""
}

// sdkOf reads the dictionary's form of an SDK, name, version and language with tabs between.
func sdkOf(value string, c analytics.Counts) analytics.SDK {
	name, rest, _ := strings.Cut(value, "\t")
	version, language, _ := strings.Cut(rest, "\t")
	return analytics.SDK{Name: name, Version: version, Language: language, Counts: c}
}
