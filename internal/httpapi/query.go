package httpapi

import (
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// strictQuery refuses what would otherwise be ignored: parameters that the operation does not have, and second values.
func strictQuery(ctx huma.Context, next func(huma.Context)) {
	if details := checkQuery(ctx.Operation(), ctx.URL().RawQuery); details != nil {
		_, w := humago.Unwrap(ctx)
		writeProblem(w, newProblem(kindInvalid, join(details), details...))
		return
	}
	next(ctx)
}

func checkQuery(o *huma.Operation, raw string) []Detail {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return []Detail{{"query", "is not encoded as a query has to be"}}
	}
	allowed := parametersOf(o)
	var details []Detail
	for _, name := range sortedKeys(values) {
		switch {
		case !slices.Contains(allowed, name) && len(allowed) == 0:
			details = append(details, Detail{"query." + shorten(name), "is unknown; there are no parameters here"})
		case !slices.Contains(allowed, name):
			details = append(details, Detail{"query." + shorten(name), "is unknown; there are " + strings.Join(allowed, ", ")})
		case len(values[name]) > 1:
			details = append(details, Detail{"query." + name, "is given more than once"})
		}
	}
	return details[:min(len(details), maxDetails)]
}

// maxDetails bounds an answer to a hostile request.
const maxDetails = 20

func parametersOf(o *huma.Operation) []string {
	var names []string
	for _, p := range o.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	return names
}

func sortedKeys(values url.Values) []string {
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// shorten keeps what is repeated to the caller short and valid.
func shorten(s string) string {
	const longest = 100
	r := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	if len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return string(r)
}

// jsonOnly refuses bodies of another media type. Without one, JSON is meant.
func jsonOnly(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if mediaType = strings.TrimSpace(mediaType); mediaType == "" || strings.EqualFold(mediaType, "application/json") {
		r.Header.Set("Content-Type", "application/json") // huma knows it in lower case only
		next(ctx)
		return
	}
	w.Header().Set("Accept", "application/json") // RFC 9110, section 15.5.16
	writeProblem(w, newProblem(kindMediaType, "send the body as Content-Type: application/json"))
}
