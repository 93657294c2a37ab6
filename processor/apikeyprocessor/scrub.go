package apikeyprocessor

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
)

// The context goes on without credentials, whichever authenticator let them through. A processor made with
// processorhelper cannot change the context, but the consumer behind it can.

func scrubbedTraces(next consumer.Traces) (consumer.Traces, error) {
	return consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		return next.ConsumeTraces(keyauth.Scrub(ctx), td)
	}, consumer.WithCapabilities(next.Capabilities()))
}

func scrubbedLogs(next consumer.Logs) (consumer.Logs, error) {
	return consumer.NewLogs(func(ctx context.Context, ld plog.Logs) error {
		return next.ConsumeLogs(keyauth.Scrub(ctx), ld)
	}, consumer.WithCapabilities(next.Capabilities()))
}

func scrubbedMetrics(next consumer.Metrics) (consumer.Metrics, error) {
	return consumer.NewMetrics(func(ctx context.Context, md pmetric.Metrics) error {
		return next.ConsumeMetrics(keyauth.Scrub(ctx), md)
	}, consumer.WithCapabilities(next.Capabilities()))
}
