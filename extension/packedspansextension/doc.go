//go:generate go tool -modfile=../../internal/tools/go.mod mdatagen metadata.yaml

// Package packedspansextension is a middleware of OTLP/HTTP servers that packs the spans of the platform's own servers before the
// receiver decodes them; see internal/packed.
//
// Only requests of keys with the scope telemetry:write_any are looked at. They bring nearly all spans of a platform, and the
// api_key processor leaves such spans as they are, but for what it adds.
package packedspansextension
