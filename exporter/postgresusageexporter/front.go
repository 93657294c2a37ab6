package postgresusageexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/disco-platform/mirrorball/internal/packed"
	"github.com/disco-platform/mirrorball/internal/usagepdata"
)

// The fronts stand before the queue, where a request is still one request and its sender still waits.

type tracesFront struct {
	exporter.Traces
	unpack bool // for a queue on disk
}

func (f tracesFront) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	carried := packed.FromContext(ctx)
	err := usagepdata.CheckCarriers(td, carried)
	if err == nil && f.unpack {
		err = usagepdata.Unpack(td, carried)
	}
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	return answer(f.Traces.ConsumeTraces(ctx, td))
}

type metricsFront struct{ exporter.Metrics }

func (f metricsFront) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	return answer(f.Metrics.ConsumeMetrics(ctx, md))
}

type logsFront struct{ exporter.Logs }

func (f logsFront) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	usagepdata.StampRecordIDs(ld)
	return answer(f.Logs.ConsumeLogs(ctx, ld))
}

// retryAfter is when a refused sender may come back. The exporter has tried for retry_on_failure::max_elapsed_time by
// then, so a little patience is in order; much more would only fill the senders' queues.
const retryAfter = 2 * time.Second

// errLater is what a sender is told when its request was not stored but may be sent again. The OTLP receiver makes
// 503 with Retry-After, or gRPC's Unavailable with RetryInfo, of it.
var errLater = func() error {
	s, err := status.New(codes.Unavailable, "usage cannot be stored at the moment, send it again later").
		WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
	if err != nil {
		panic(err) // RetryInfo always marshals
	}
	return s.Err()
}()

// answer turns the queue's errors into what senders are told. Full queue, retries used up, shutdown: all the same to
// them, and already in the log.
func answer(err error) error {
	if err == nil || consumererror.IsPermanent(err) {
		return err
	}
	return errLater
}
