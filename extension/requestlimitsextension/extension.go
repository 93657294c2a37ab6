package requestlimitsextension

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"

	"github.com/disco-platform/mirrorball/extension/requestlimitsextension/internal/metadata"
)

// limits is the extension. Its places are those of all servers that name it: they share one memory.
type limits struct {
	cfg       *Config
	telemetry *metadata.TelemetryBuilder
	refusals  map[string]*refusal
	places    *places
	heap      *heap
}

var (
	_ extension.Extension            = (*limits)(nil)
	_ extensionmiddleware.HTTPServer = (*limits)(nil)
	_ extensionmiddleware.GRPCServer = (*limits)(nil)
)

func newLimits(cfg *Config, set component.TelemetrySettings) (*limits, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, fmt.Errorf("cannot make the extension's metrics: %w", err)
	}
	return &limits{cfg: cfg, telemetry: telemetry, refusals: refusalsFor(cfg), places: newPlaces(cfg.MaxInFlight)}, nil
}

// Start implements component.Component.
func (l *limits) Start(context.Context, component.Host) error {
	if l.cfg.HeapMiB > 0 {
		l.heap = growHeap(int64(l.cfg.HeapMiB) << 20)
	}
	return nil
}

// Shutdown has no calls to wait for: the servers that use the extension end before it does.
func (l *limits) Shutdown(context.Context) error {
	l.heap.close()
	l.heap = nil
	l.telemetry.Shutdown()
	return nil
}

// take takes a place for a call.
func (l *limits) take(caller string, share int) *refusal {
	if reason, ok := l.places.take(caller, share); !ok {
		return l.refused(reason)
	}
	l.telemetry.ExtensionRequestLimitsCallsInFlight.Add(context.Background(), 1)
	return nil
}

func (l *limits) give(caller string) {
	l.places.give(caller)
	l.telemetry.ExtensionRequestLimitsCallsInFlight.Add(context.Background(), -1)
}
