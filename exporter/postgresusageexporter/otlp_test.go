package postgresusageexporter

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// What an OTLP sender sees when usage cannot be stored: a real receiver in front, a store that fails behind.
func TestOTLPSendersAreAskedToComeBack(t *testing.T) {
	t.Parallel()
	m := newMemory()
	e, err := NewFactory().CreateTraces(context.Background(), settings(), testConfig())
	require.NoError(t, err)
	run(t, e, hostWith(m))

	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	httpAddress, grpcAddress := freeAddress(t), freeAddress(t)
	httpConfig := cfg.Protocols.HTTP.GetOrInsertDefault()
	httpConfig.ServerConfig.NetAddr.Endpoint = httpAddress
	grpcConfig := cfg.Protocols.GRPC.GetOrInsertDefault()
	grpcConfig.NetAddr = confignet.AddrConfig{Endpoint: grpcAddress, Transport: confignet.TransportTypeTCP}
	cfg.Protocols.HTTP, cfg.Protocols.GRPC = configoptional.Some(*httpConfig), configoptional.Some(*grpcConfig)
	receiver, err := factory.CreateTraces(context.Background(), receivertest.NewNopSettings(factory.Type()), cfg, e)
	require.NoError(t, err)
	run(t, receiver, hostWith(m))

	request := ptraceotlp.NewExportRequestFromTraces(spans(3))
	body, err := request.MarshalProto()
	require.NoError(t, err)
	post := func() *http.Response {
		resp, err := http.Post("http://"+httpAddress+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp
	}
	conn, err := grpc.NewClient(grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	client := ptraceotlp.NewGRPCClient(conn)

	m.set(func() error { return errDown })
	resp := post()
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "2", resp.Header.Get("Retry-After"))

	_, err = client.Export(context.Background(), request)
	s := status.Convert(err)
	require.Equal(t, codes.Unavailable, s.Code())
	require.NotContains(t, s.Message(), "SELECT")
	require.Len(t, s.Details(), 1)
	require.Equal(t, 2*time.Second, s.Details()[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration())

	m.set(func() error { return usage.Permanent(errPlanted) })
	require.Equal(t, http.StatusInternalServerError, post().StatusCode, "which OTLP senders do not repeat")

	m.set(nil)
	require.Equal(t, http.StatusOK, post().StatusCode)
	_, err = client.Export(context.Background(), request)
	require.NoError(t, err)
	require.Equal(t, 3, m.stored(), "sent four times, counted once")
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}
