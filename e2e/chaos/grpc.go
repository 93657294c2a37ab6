//go:build linux

package chaos

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/disco-platform/mirrorball/internal/history"
)

// dial prepares a connection that comes back soon after a collector does.
func dial(c *Collector) (*grpc.ClientConn, error) {
	return grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", c.ports["OTLP_GRPC"]),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}))
}

// export is one attempt over gRPC. The codes that leave the outcome open are those that OTLP calls retryable.
func (d *delivery) export(ctx context.Context, target *Collector) (history.Outcome, string) {
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalProto(d.batch.body); err != nil {
		return history.Unknown, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+d.batch.key)
	_, err := ptraceotlp.NewGRPCClient(d.connections[target]).Export(ctx, request)
	answer := status.Convert(err)
	d.answers.add(answer.Code().String(), 1)
	switch answer.Code() {
	case codes.OK:
		return history.OK, ""
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss, codes.ResourceExhausted:
		return history.Unknown, err.Error()
	}
	return history.Failed, err.Error()
}
