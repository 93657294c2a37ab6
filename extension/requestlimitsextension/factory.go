package requestlimitsextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/disco-platform/mirrorball/extension/requestlimitsextension/internal/metadata"
)

// NewFactory makes the factory of the request_limits extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newLimits(cfg.(*Config), set.TelemetrySettings)
}
