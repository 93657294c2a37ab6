package pipeline

import (
	"cmp"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// newResource says once per batch what is the same for all calls of one user.
func newResource(id sdkinstrumentation.Identity) *resource.Resource {
	attrs := []attribute.KeyValue{
		attribute.String(usageconv.ServiceName, cmp.Or(os.Getenv("OTEL_SERVICE_NAME"), id.SDKName, "unknown_service:go")),
		attribute.String(usageconv.TelemetryDistro, usageconv.DistroName),
		attribute.String(usageconv.TelemetryDistroVer, sdkinstrumentation.Version),
	}
	for key, value := range map[string]string{
		usageconv.UserEmail:        id.UserEmail,
		usageconv.OrganizationName: id.Organization,
		usageconv.Environment:      id.Environment(),
		usageconv.SDKName:          id.SDKName,
		usageconv.SDKVersion:       id.SDKVersion,
		usageconv.SDKLanguage:      language(id),
	} {
		if value != "" {
			attrs = append(attrs, attribute.String(key, value))
		}
	}
	for key, value := range id.UserMetadata {
		attrs = append(attrs, attribute.String(usageconv.UserMetadataPrefix+key, value))
	}
	return resource.NewSchemaless(attrs...)
}

// language is empty for an API server: the SDK of the calls it serves is the caller's.
func language(id sdkinstrumentation.Identity) string {
	if id.SDKName == "" {
		return ""
	}
	return usageconv.SDKLanguageGo
}
