package apikeyprocessor

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/disco-platform/mirrorball/extension/apikeyauthextension"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/processor/apikeyprocessor/internal/metadata"
)

// What a sender sees of the OTLP receiver with the authenticator before it and the processor behind it.
func TestOverOTLP(t *testing.T) {
	t.Parallel()
	store := newKeyStore()
	register := func() string {
		raw, err := apikey.Generate(apikey.Sandbox, false)
		require.NoError(t, err)
		id := *aliceKey
		id.Fingerprint = apikey.FingerprintOf(raw)
		store.keys[id.Fingerprint] = &id
		return raw
	}
	known, new := register(), register()
	unknown, err := apikey.Generate(apikey.Sandbox, false)
	require.NoError(t, err)
	sink, httpAddr, grpcAddr := listening(t, store)
	overHTTP := func(key string) int { return postTraces(t, httpAddr, key) }
	overGRPC := func(key string) codes.Code { return exportTraces(t, grpcAddr, key) }

	require.Equal(t, http.StatusOK, overHTTP(known))
	require.Equal(t, codes.OK, overGRPC(known))
	require.Len(t, sink.AllTraces(), 2)
	for i, td := range sink.AllTraces() {
		owner, _ := td.ResourceSpans().At(0).Resource().Attributes().Get("disco.api_key.id")
		require.Equal(t, "key_alice", owner.Str())
		address, _ := td.ResourceSpans().At(0).Resource().Attributes().Get("client.address")
		require.Equal(t, "127.0.0.1", address.Str())
		md := client.FromContext(sink.Contexts()[i]).Metadata
		require.Empty(t, md.Get("authorization"))
		require.NotEmpty(t, md.Get("user-agent"), "the metadata is there otherwise")
	}

	require.Equal(t, http.StatusUnauthorized, overHTTP(unknown))
	require.Equal(t, codes.Unauthenticated, overGRPC(unknown))
	require.Equal(t, http.StatusUnauthorized, overHTTP("dk_live_letmein"))
	require.Equal(t, http.StatusUnauthorized, overHTTP(""))

	store.away.Store(true)
	require.Equal(t, http.StatusOK, overHTTP(known), "served from memory")
	require.Equal(t, http.StatusServiceUnavailable, overHTTP(new), "to be repeated, not dropped")
	require.Equal(t, codes.Unavailable, overGRPC(new))
	require.Equal(t, http.StatusUnauthorized, overHTTP("dk_live_letmein"))
	require.Len(t, sink.AllTraces(), 3)
}

// listening starts store, authenticator, receiver and processor, and returns where data ends up and the addresses.
func listening(t *testing.T, store *keyStore) (sink *consumertest.TracesSink, httpAddr, grpcAddr string) {
	t.Helper()
	ctx := context.Background()
	verifier := apikey.NewVerifier(store, apikey.Config{})
	t.Cleanup(verifier.Close)
	host := fakeHost{storeID: &usageStore{keys: verifier}}
	start := func(c component.Component, err error) {
		require.NoError(t, err)
		require.NoError(t, c.Start(ctx, host))
		t.Cleanup(func() { require.NoError(t, c.Shutdown(ctx)) })
	}

	authFactory := apikeyauthextension.NewFactory()
	authConfig := authFactory.CreateDefaultConfig().(*apikeyauthextension.Config)
	authConfig.Store = storeID
	auth, err := authFactory.Create(ctx, extensiontest.NewNopSettings(authFactory.Type()), authConfig)
	start(auth, err)
	host[component.MustNewID("api_key_auth")] = auth

	sink = &consumertest.TracesSink{}
	p, err := NewFactory().CreateTraces(ctx, processortest.NewNopSettings(metadata.Type), &Config{Store: storeID}, sink)
	start(p, err)

	httpAddr, grpcAddr = freeAddress(t), freeAddress(t)
	protocol := func(address string) map[string]any {
		return map[string]any{"endpoint": address, "include_metadata": true, "auth": map[string]any{"authenticator": "api_key_auth"}}
	}
	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{
		"http": protocol(httpAddr), "grpc": protocol(grpcAddr),
	}}).Unmarshal(cfg))
	receiver, err := factory.CreateTraces(ctx, receivertest.NewNopSettings(factory.Type()), cfg, p)
	start(receiver, err)
	return sink, httpAddr, grpcAddr
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func postTraces(t *testing.T, address, key string) int {
	t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(batch(1)).MarshalProto()
	require.NoError(t, err)
	req, err := http.NewRequest(http.MethodPost, "http://"+address+"/v1/traces", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Close = true
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func exportTraces(t *testing.T, address, key string) codes.Code {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	ctx := grpcmetadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+key)
	_, err = ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(batch(1)))
	return status.Code(err)
}
