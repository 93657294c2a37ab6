package requestlimitsextension

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func retryDelay(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.RetryDelay.AsDuration()
		}
	}
	return 0
}

func TestPlacesOverGRPC(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxInFlight, c.MaxInFlightPerCaller = 5, 2 })
	ctx := context.Background()
	var held sync.WaitGroup
	hold := func(key string) {
		held.Go(func() { assert.NoError(t, s.export(ctx, key, oneSpan())) })
		<-s.gate.entered
	}
	hold("alice")
	hold("alice")
	err := s.export(ctx, "alice", oneSpan())
	require.Equal(t, codes.ResourceExhausted, status.Code(err))
	require.Equal(t, time.Second, retryDelay(err))
	require.Equal(t, 429, s.post(t, "alice", "/v1/traces", protobuf, encoded(t, oneSpan())).status, "one share for both protocols")
	require.Equal(t, codes.Unauthenticated, status.Code(s.export(ctx, "bad", oneSpan())))
	hold("platform")
	hold("platform")
	hold("platform")
	err = s.export(ctx, "bob", oneSpan())
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Equal(t, time.Second, retryDelay(err))
	close(s.gate.open)
	held.Wait()
	require.NoError(t, s.export(ctx, "bob", oneSpan()))
	s.refusals(t, map[string]int64{"share": 2, "busy": 1})
}

func TestBodiesOverGRPC(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxElements = 1000 })
	close(s.gate.open)
	ctx := context.Background()
	require.NoError(t, s.export(ctx, "alice", deepSpan(64)))
	err := s.export(ctx, "alice", deepSpan(65))
	require.Equal(t, codes.Internal, status.Code(err))
	require.ErrorContains(t, err, "values may nest 64 deep")
	many := oneSpan()
	for range 1000 {
		many.Traces().ResourceSpans().AppendEmpty()
	}
	require.ErrorContains(t, s.export(ctx, "alice", many), "a body may have 1000 records")
	require.ErrorContains(t, s.export(ctx, "bad", deepSpan(65)), "values may nest 64 deep", "a stranger's body is decoded, too")
	require.Len(t, s.gate.entered, 1)
	s.refusals(t, map[string]int64{"too_deep": 2, "too_many_elements": 1})
}

// Calls that send headers and then nothing hold half of all places at most, and not for ever.
func TestCallsThatDoNotArrive(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) {
		c.MaxInFlight, c.MaxInFlightPerCaller, c.GRPCReceiveTimeout = 4, 1, 300*time.Millisecond
	})
	close(s.gate.open)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	begin := func() grpc.ClientStream {
		stream, err := s.grpc.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
		require.NoError(t, err)
		return stream
	}
	first, second, third := begin(), begin(), begin()
	require.Equal(t, codes.ResourceExhausted, status.Code(third.RecvMsg(&emptypb.Empty{})), "the address has two already")
	require.Equal(t, 200, s.post(t, "alice", "/v1/traces", protobuf, encoded(t, oneSpan())).status, "others are served meanwhile")
	require.Equal(t, codes.Canceled, status.Code(first.RecvMsg(&emptypb.Empty{})))
	require.Equal(t, codes.Canceled, status.Code(second.RecvMsg(&emptypb.Empty{})))
}

// A caller who leaves frees nothing while a handler still holds what was sent.
func TestAPlaceIsHeldUntilTheHandlerEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxInFlight, c.MaxInFlightPerCaller = 3, 1 })
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error)
	go func() { left <- s.export(ctx, "alice", oneSpan()) }()
	<-s.gate.entered
	leave()
	require.Equal(t, codes.Canceled, status.Code(<-left))
	require.Equal(t, 429, s.post(t, "alice", "/v1/traces", protobuf, encoded(t, oneSpan())).status)
	close(s.gate.open)
}

func TestMethodsThatDoNotExist(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	err := s.grpc.Invoke(context.Background(), "/nobody/Knows", &emptypb.Empty{}, &emptypb.Empty{})
	require.Equal(t, codes.Unimplemented, status.Code(err))
}
