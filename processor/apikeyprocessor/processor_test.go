package apikeyprocessor

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/apikey/keyauth"
	"github.com/disco-platform/mirrorball/processor/apikeyprocessor/internal/metadatatest"
)

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	p := started(t, newKeyStore(), nopSettings())
	f := func(ctx context.Context, code codes.Code, httpStatus int, permanent bool) {
		t.Helper()
		_, err := p.processTraces(ctx, batch(1))
		require.Equal(t, code, status.Code(err))
		require.Equal(t, httpStatus, consumererror.ToHTTPStatus(err))
		require.Equal(t, permanent, consumererror.IsPermanent(err))
		_, err = p.processLogs(ctx, plog.NewLogs())
		require.Equal(t, code, status.Code(err))
		_, err = p.processMetrics(ctx, pmetric.NewMetrics())
		require.Equal(t, code, status.Code(err))
	}
	reader := &apikey.Identity{KeyID: "key_r", Scopes: []string{apikey.ScopeUsageRead, apikey.ScopeAdmin}}
	f(context.Background(), codes.Unauthenticated, 401, true)
	f(sentBy(nil), codes.Unavailable, 503, false)
	f(sentBy(reader), codes.PermissionDenied, 403, true)
}

// A trusted sender's request is refused as a whole, and left as it was, when an owner cannot be found out.
func TestOwnersThatCannotBeFoundOut(t *testing.T) {
	t.Parallel()
	telemetry := componenttest.NewTelemetry()
	store := newKeyStore()
	p := started(t, store, telemetry.NewTelemetrySettings())
	_, err := p.processTraces(sentBy(platformKey), batch(3, aliceKey))
	require.NoError(t, err)
	store.away.Store(true)

	td, err := p.processTraces(sentBy(platformKey), batch(3, aliceKey))
	require.NoError(t, err, "alice's key is remembered")
	require.Equal(t, "key_alice", td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(2).Attributes().AsRaw()["disco.api_key.id"])

	td, err = p.processTraces(sentBy(platformKey), batch(3, aliceKey, bobKey))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.False(t, consumererror.IsPermanent(err))
	require.Equal(t, batch(3, aliceKey, bobKey), td)
	metadatatest.AssertEqualProcessorAPIKeyUnresolvedRequests(t, telemetry,
		[]metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, telemetry.Shutdown(context.Background()))
}

// Many records about one key cost one look-up.
func TestOneLookUpForManyRecords(t *testing.T) {
	t.Parallel()
	store := newKeyStore()
	p := started(t, store, nopSettings())
	_, err := p.processTraces(sentBy(platformKey), batch(500, aliceKey, bobKey))
	require.NoError(t, err)
	require.EqualValues(t, 2, store.asked.Load())
}

func TestTelemetry(t *testing.T) {
	t.Parallel()
	telemetry := componenttest.NewTelemetry()
	p := started(t, newKeyStore(), telemetry.NewTelemetrySettings())
	td := batch(4, aliceKey, bobKey) // two of them bob's, sent by alice
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetName("dk_live_0123456789")
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("api_key", "x")
	_, err := p.processTraces(sentBy(aliceKey), td)
	require.NoError(t, err)
	metadatatest.AssertEqualProcessorAPIKeyForeignRecords(t, telemetry,
		[]metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualProcessorAPIKeyRedactedValues(t, telemetry,
		[]metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
	require.NoError(t, telemetry.Shutdown(context.Background()))
}

// Whatever let credentials through, they end here.
func TestContextGoesOnWithoutSecrets(t *testing.T) {
	t.Parallel()
	ctx := client.NewContext(context.Background(), client.Info{
		Auth: &keyauth.Data{Identity: aliceKey},
		Metadata: client.NewMetadata(map[string][]string{
			"authorization": {"Bearer x"}, "x-tenant": {"t"}, "x-other": {"dk_live_0123456789"},
		}),
	})
	check := func(ctx context.Context) {
		info := client.FromContext(ctx)
		require.Empty(t, info.Metadata.Get("authorization"))
		require.Empty(t, info.Metadata.Get("x-other"))
		require.Equal(t, []string{"t"}, info.Metadata.Get("x-tenant"))
		require.Equal(t, "key_alice", info.Auth.GetAttribute("api_key.id"))
	}
	sink := &consumertest.TracesSink{}
	traces, err := scrubbedTraces(sink)
	require.NoError(t, err)
	require.NoError(t, traces.ConsumeTraces(ctx, ptrace.NewTraces()))
	check(sink.Contexts()[0])

	logSink := &consumertest.LogsSink{}
	logs, err := scrubbedLogs(logSink)
	require.NoError(t, err)
	require.NoError(t, logs.ConsumeLogs(ctx, plog.NewLogs()))
	check(logSink.Contexts()[0])

	metricSink := &consumertest.MetricsSink{}
	metrics, err := scrubbedMetrics(metricSink)
	require.NoError(t, err)
	require.NoError(t, metrics.ConsumeMetrics(ctx, pmetric.NewMetrics()))
	check(metricSink.Contexts()[0])
}
