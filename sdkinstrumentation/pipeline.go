package sdkinstrumentation

import (
	"context"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/internal/tally"
)

// Pipeline carries the telemetry of one [Instrumentation] to the platform's collector, apart from whatever
// telemetry the host has. The sub-package pipeline has the one for production.
//
// Its tracer records every span, whatever the caller's sampled flag says, and copies the attributes given
// to it: their slice is used again. None of its providers blocks.
type Pipeline interface {
	TracerProvider() trace.TracerProvider
	MeterProvider() metric.MeterProvider
	LoggerProvider() log.LoggerProvider
	// Flush sends what is queued and returns an error when some of it could not be delivered before ctx ended.
	Flush(ctx context.Context) error
	// Shutdown flushes, then stops. What is still queued when ctx ends is dropped and counted. It may be called twice.
	Shutdown(ctx context.Context) error
	// Dropped lists what the pipeline threw away since it began.
	Dropped() []Drop
}

// Drop says how many items of a signal ("traces", "logs", "metrics") were thrown away for a reason.
type Drop = tally.Drop
