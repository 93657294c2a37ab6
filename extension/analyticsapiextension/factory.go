package analyticsapiextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/disco-platform/mirrorball/extension/analyticsapiextension/internal/metadata"
)

// NewFactory makes the factory of the analytics_api extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return &server{config: cfg.(*Config), telemetry: set.TelemetrySettings}, nil
}
