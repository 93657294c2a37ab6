package usagepdata

import (
	"strconv"
	"strings"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// droppedAttributes counts the attributes that an event had too many. The name is OpenTelemetry's for formats that
// have no field for it (specification, "Mapping to non-OTLP formats").
const droppedAttributes = "otel.dropped_attributes_count"

// kept gathers the attributes of an event that have no field of their own. Most events have none, so the map is made
// on first use.
type kept struct {
	m       map[string]string
	dropped int
}

func (k *kept) put(key string, v *value) {
	if k.admit(key) {
		k.m[usage.Sanitize(key, usage.MaxName)] = redacted(text(v, usage.MaxAttribute))
	}
}

func (k *kept) putText(key, value string) {
	if value != "" && k.admit(key) {
		k.m[key] = redacted(usage.Sanitize(value, usage.MaxAttribute))
	}
}

// admit leaves one place free for the count of what was dropped.
func (k *kept) admit(key string) bool {
	if key == "" || isSecretHeader(key) {
		return false
	}
	if len(k.m) >= usage.MaxAttributes-1 {
		k.dropped++
		return false
	}
	if k.m == nil {
		k.m = make(map[string]string, 8)
	}
	return true
}

func (k *kept) attributes() map[string]string {
	if k.dropped > 0 {
		if k.m == nil {
			k.m = make(map[string]string, 1)
		}
		k.m[droppedAttributes] = strconv.Itoa(k.dropped)
	}
	return k.m
}

// isSecretHeader keeps captured HTTP headers out: they are where credentials travel.
func isSecretHeader(key string) bool {
	return strings.HasPrefix(key, "http.request.header.") || strings.HasPrefix(key, "http.response.header.")
}

// redacted is a second fence behind the api_key processor: no key in clear is kept.
func redacted(s string) string {
	s, _ = apikey.Redact(s)
	return s
}
