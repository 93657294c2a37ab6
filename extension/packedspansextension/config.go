package packedspansextension

import "go.opentelemetry.io/collector/component"

// Config has no settings: a server packs spans if it names the extension.
type Config struct {
	// prevent unkeyed literal initialization
	_ struct{}
}

func createDefaultConfig() component.Config { return &Config{} }
