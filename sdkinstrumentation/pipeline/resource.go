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
		attribute.String(usageconv.ServiceName, cmp.Or(os.Getenv("OTEL_SERVICE_NAME"), id.SDKName)),
		attribute.String(usageconv.TelemetryDistro, usageconv.DistroName),
		attribute.String(usageconv.TelemetryDistroVer, sdkinstrumentation.Version),
	}
	if len(id.APIHosts) > 0 { // else an API server's: the SDK of a call that it serves is the caller's
		attrs = append(attrs,
			attribute.String(usageconv.SDKName, id.SDKName),
			attribute.String(usageconv.SDKVersion, id.SDKVersion),
			attribute.String(usageconv.SDKLanguage, usageconv.SDKLanguageGo))
	}
	for key, value := range map[string]string{
		usageconv.UserEmail:        id.UserEmail,
		usageconv.OrganizationName: id.Organization,
		usageconv.Environment:      id.Environment(),
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
