package packedspansextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/disco-platform/mirrorball/extension/packedspansextension/internal/metadata"
)

// NewFactory makes the factory of the packed_spans extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, _ component.Config) (extension.Extension, error) {
	return newPacker(set.TelemetrySettings)
}
