package packedspansextension

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"

	"github.com/disco-platform/mirrorball/extension/packedspansextension/internal/metadata"
)

// packer is the extension.
type packer struct {
	component.StartFunc
	telemetry *metadata.TelemetryBuilder
}

var (
	_ extension.Extension            = (*packer)(nil)
	_ extensionmiddleware.HTTPServer = (*packer)(nil)
)

func newPacker(set component.TelemetrySettings) (*packer, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, fmt.Errorf("cannot make the extension's metrics: %w", err)
	}
	return &packer{telemetry: telemetry}, nil
}

// Shutdown has no calls to wait for: the servers that use the extension end before it does.
func (p *packer) Shutdown(context.Context) error {
	p.telemetry.Shutdown()
	return nil
}
