package usagestoreextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/disco-platform/mirrorball/extension/usagestoreextension/internal/metadata"
)

// NewFactory makes the factory of the usage_store extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return &usageStore{config: cfg.(*Config), logger: set.Logger}, nil
}
