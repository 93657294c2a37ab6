package requestlimitsextension

import (
	"context"
	"reflect"
	"sync"
	"time"

	"go.opentelemetry.io/collector/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/tap"
)

// GetGRPCServerOptions limits a server. gRPC receives and decodes a message before it authenticates its sender, so a call
// takes a place when its headers have come, for its address; once the caller is known, the place is the key's.
func (l *limits) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	return []grpc.ServerOption{
		grpc.InTapHandle(l.headersCame),
		grpc.StatsHandler(callEnds{}),
		grpc.ForceServerCodecV2(codec{CodecV2: encoding.GetCodecV2("proto"), limits: l}),
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := l.callerKnown(ctx); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := l.callerKnown(stream.Context()); err != nil {
				return err
			}
			return next(srv, stream)
		}),
	}, nil
}

// call is a gRPC call in flight.
type call struct {
	limits *limits
	late   *time.Timer // ends the call when it does not arrive

	mu      sync.Mutex
	caller  string
	handled bool // a handler runs, and holds memory until it ends, even when the caller has gone
	given   bool // the place has been given back
}

type callKey struct{}

// headersCame runs in the goroutine that reads the connection, before anything of the message is received.
func (l *limits) headersCame(ctx context.Context, _ *tap.Info) (context.Context, error) {
	var address string
	if p, ok := peer.FromContext(ctx); ok {
		address = addressOf(p.Addr)
	}
	// Until they are known, all callers behind one proxy are one address. A stranger gets no more than half of all.
	if r := l.take(address, max(l.cfg.MaxInFlightPerCaller, l.cfg.MaxInFlight/2)); r != nil {
		return ctx, r.err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &call{limits: l, caller: address, late: time.AfterFunc(l.cfg.GRPCReceiveTimeout, cancel)}
	context.AfterFunc(ctx, func() { c.end(false) })
	return context.WithValue(ctx, callKey{}, c), nil
}

// callerKnown runs behind authentication.
func (l *limits) callerKnown(ctx context.Context) error {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil
	}
	c.late.Stop()
	caller, share := l.caller(client.FromContext(ctx))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given || caller == c.caller {
		return nil
	}
	if !l.places.pass(c.caller, caller, share) {
		return l.refused(reasonShare).err
	}
	c.caller = caller
	return nil
}

func (c *call) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handled = true
}

// end gives the place back: when the handler has ended or, if there never was one, when the call is cancelled.
func (c *call) end(handler bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given || (c.handled && !handler) {
		return
	}
	c.given = true
	c.late.Stop()
	c.limits.give(c.caller)
}

// callEnds hears of the begin and the end of handlers.
type callEnds struct{}

func (callEnds) HandleRPC(ctx context.Context, event stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	switch event.(type) {
	case *stats.Begin:
		c.begin()
	case *stats.End:
		c.end(true)
	}
}

func (callEnds) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (callEnds) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (callEnds) HandleConn(context.Context, stats.ConnStats)                       {}

// codec checks messages before they are decoded. What it refuses, gRPC answers with Internal, which senders of OTLP do
// not repeat.
type codec struct {
	encoding.CodecV2
	limits *limits
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if root, ok := roots[reflect.TypeOf(v).Elem().Name()]; ok {
		var w walk
		w.begin(root, c.limits.cfg.MaxDepth, c.limits.cfg.MaxElements)
		for _, buffer := range data {
			if err := w.check(buffer.ReadOnlyData()); err != nil {
				return c.limits.refused(reasonOf(err)).err
			}
		}
	}
	return c.CodecV2.Unmarshal(data, v)
}

// roots are the messages of OTLP by the name of the type that they are decoded into.
var roots = map[string]message{
	"ExportTraceServiceRequest":   tracesRequest,
	"ExportLogsServiceRequest":    logsRequest,
	"ExportMetricsServiceRequest": metricsRequest,
}
