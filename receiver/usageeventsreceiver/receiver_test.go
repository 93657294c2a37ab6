package usageeventsreceiver

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/disco-platform/mirrorball/receiver/usageeventsreceiver/internal/metadata"
)

func TestStructured(t *testing.T) {
	t.Parallel()
	sink := new(consumertest.LogsSink)
	url := start(t, sink, nil, nil)
	a := post(t, url, "application/cloudevents+json; charset=UTF-8", `{
		"specversion": "1.0", "id": "a-1", "source": "https://shop.example/eu", "type": "disco.payment.completed",
		"subject": "order 7", "time": "2026-11-24T10:00:00.123456789+02:00", "datacontenttype": "application/json",
		"partitionkey": "eu", "priority": 3, "dataschema": null,
		"data": {
			"payment": {"amount": 12.50, "fee": "0.10", "currency": "EUR"}, "disco.agent.id": "agt_1", "service": {"id": "svc_1"},
			"api_key": {"fingerprint": "ab"}, "user": {"metadata": {"team": "blue"}},
			"seats": 3, "ratio": 0.5, "big": 123456789012345678901234567890, "trial": true, "tags": ["a", 1], "none": null
		}
	}`)
	require.Equal(t, http.StatusAccepted, a.status, a.body)
	require.Equal(t, 1, a.Accepted)
	require.Empty(t, a.Rejected)

	require.Equal(t, map[string]any{
		"disco.payment.amount": "12.50", "disco.payment.fee": "0.10", "disco.payment.currency": "EUR",
		"disco.agent.id": "agt_1", "disco.service.id": "svc_1", "disco.api_key.fingerprint": "ab", "disco.user.metadata.team": "blue",
		"seats": int64(3), "ratio": "0.5", "big": "123456789012345678901234567890", "trial": true, "tags": `["a",1]`,
		"cloudevents.partitionkey": "eu", "cloudevents.priority": "3",
		"cloudevents.event_id": "a-1", "cloudevents.event_source": "https://shop.example/eu",
		"cloudevents.event_type": "disco.payment.completed", "cloudevents.event_spec_version": "1.0", "cloudevents.event_subject": "order 7",
	}, attributesOf(t, sink))
	rec := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, "disco.payment.completed", rec.EventName())
	require.Equal(t, time.Date(2026, 11, 24, 8, 0, 0, 123456789, time.UTC), rec.Timestamp().AsTime())
}

func TestEventWithoutTimeHasNoTimestamps(t *testing.T) {
	t.Parallel()
	sink := new(consumertest.LogsSink)
	require.Equal(t, http.StatusAccepted, post(t, start(t, sink, nil, nil), mediaStructured, event("")).status)
	rec := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	require.Zero(t, rec.Timestamp())
	require.Zero(t, rec.ObservedTimestamp())
}

func TestBatchSaysWhichEventsWereRefused(t *testing.T) {
	t.Parallel()
	sink := new(consumertest.LogsSink)
	url := start(t, sink, nil, nil)
	batch := `[` + event("") + `,{"specversion":"1.0","source":"/s","type":"t"},7,` +
		`{"specversion":"1.0","id":"p","source":"/s","type":"disco.payment.completed","data":{"payment.amount":"NaN","payment.currency":"EUR"}},` +
		event(`,"time":"now"`) + `]`
	a := post(t, url, mediaBatch, batch)
	require.Equal(t, http.StatusAccepted, a.status)
	require.Equal(t, 1, a.Accepted)
	require.Equal(t, []rejection{
		{Index: 1, Reason: "id is missing"},
		{Index: 2, Reason: "an event is a JSON object"},
		{Index: 3, ID: "p", Reason: "payment.amount: amount is not a plain decimal such as 12.50"},
		{Index: 4, ID: "1", Reason: "time is not RFC 3339 such as 2026-11-24T08:30:00Z"},
	}, a.Rejected)
	require.Equal(t, 1, sink.LogRecordCount())

	require.Equal(t, http.StatusAccepted, post(t, url, mediaBatch, `[]`).status)
	none := post(t, url, mediaBatch, `[{},{}]`)
	require.Equal(t, http.StatusBadRequest, none.status)
	require.Len(t, none.Rejected, 2)
	require.Equal(t, "specversion must be 1.0\nid is missing\nsource is missing\ntype is missing", none.Rejected[0].Reason)
}

func TestBinary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		contentType, body string
		want              map[string]any
	}{
		"JSON":            {"application/json", `{"agent": {"id": "agt_1"}}`, map[string]any{"disco.agent.id": "agt_1"}},
		"JSON, suffix":    {"application/vnd.shop+json", `{"a": 1}`, map[string]any{"a": int64(1)}},
		"JSON, no object": {"application/json", `[1, 2]`, map[string]any{"data": "[1,2]"}},
		"text":            {"text/plain", "hello", map[string]any{"data": "hello"}},
		"no data":         {"", "", map[string]any{}},
		"other":           {"image/png", "\x89PNG", map[string]any{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := new(consumertest.LogsSink)
			a := send(t, http.MethodPost, start(t, sink, nil, nil), map[string]string{
				"Content-Type": tc.contentType, "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/caf%C3%A9", "ce-type": "t", "ce-shard": `"a b"`,
			}, tc.body)
			require.Equal(t, http.StatusAccepted, a.status, a.body)
			for k, v := range map[string]any{
				"cloudevents.event_id": "1", "cloudevents.event_source": "/café", "cloudevents.event_type": "t",
				"cloudevents.event_spec_version": "1.0", "cloudevents.shard": "a b",
			} {
				tc.want[k] = v
			}
			require.Equal(t, tc.want, attributesOf(t, sink))
		})
	}
}

func TestTheCloudEventsSDKIsUnderstood(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]func(context.Context) context.Context{
		"binary":     cloudevents.WithEncodingBinary,
		"structured": cloudevents.WithEncodingStructured,
	} {
		sink := new(consumertest.LogsSink)
		client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(start(t, sink, nil, nil)))
		require.NoError(t, err)
		e := cloudevents.NewEvent()
		e.SetID("1")
		e.SetSource("https://shop.example")
		e.SetType("disco.agent.created")
		e.SetTime(time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC))
		e.SetExtension("shard", "eu")
		require.NoError(t, e.SetData(cloudevents.ApplicationJSON, map[string]any{"agent": map[string]string{"id": "agt_1"}}))
		require.True(t, cloudevents.IsACK(client.Send(opts(context.Background()), e)), name)
		require.Equal(t, map[string]any{
			"disco.agent.id": "agt_1", "cloudevents.shard": "eu",
			"cloudevents.event_id": "1", "cloudevents.event_source": "https://shop.example", "cloudevents.event_type": "disco.agent.created",
			"cloudevents.event_spec_version": "1.0",
		}, attributesOf(t, sink), name)
	}
}

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	url := start(t, new(consumertest.LogsSink), nil, nil)
	deep := func(n int) string { return event(`,"data":` + strings.Repeat("[", n) + strings.Repeat("]", n)) }
	for name, tc := range map[string]struct {
		mediaType, body string
		status          int
	}{
		"plain JSON":             {"application/json", event(""), http.StatusUnsupportedMediaType},
		"no content type":        {"", event(""), http.StatusUnsupportedMediaType},
		"another charset":        {mediaStructured + "; charset=latin1", event(""), http.StatusUnsupportedMediaType},
		"Protobuf":               {"application/cloudevents+protobuf", "", http.StatusUnsupportedMediaType},
		"empty":                  {mediaStructured, "", http.StatusBadRequest},
		"cut off":                {mediaStructured, event("")[:20], http.StatusBadRequest},
		"two events":             {mediaStructured, event("") + event(""), http.StatusBadRequest},
		"an array, structured":   {mediaStructured, "[" + event("") + "]", http.StatusBadRequest},
		"an event, batched":      {mediaBatch, event(""), http.StatusBadRequest},
		"null, batched":          {mediaBatch, "null", http.StatusBadRequest},
		"1001 events":            {mediaBatch, "[" + strings.Repeat(event("")+",", 1000) + event("") + "]", http.StatusRequestEntityTooLarge},
		"as deep as allowed":     {mediaStructured, deep(31), http.StatusAccepted},
		"deeper":                 {mediaStructured, deep(32), http.StatusBadRequest},
		"a million deep":         {mediaStructured, deep(1_000_000), http.StatusBadRequest},
		"more than 4 MiB":        {mediaStructured, event(`,"data":"` + strings.Repeat("x", maxBody) + `"`), http.StatusRequestEntityTooLarge},
		"an id that is a number": {mediaStructured, `{"specversion":"1.0","id":{},"source":"/s","type":"t"}`, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := post(t, url, tc.mediaType, tc.body)
			require.Equal(t, tc.status, a.status, a.body)
			if tc.status == http.StatusUnsupportedMediaType {
				require.NotEmpty(t, a.header.Get("Accept-Post"))
			}
		})
	}
}

func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	sink := new(consumertest.LogsSink)
	url := start(t, sink, nil, nil)
	zipped := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(s))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.String()
	}
	sendAs := func(encoding, body string) int {
		return send(t, http.MethodPost, url, map[string]string{"Content-Type": mediaStructured, "Content-Encoding": encoding}, body).status
	}
	require.Equal(t, http.StatusAccepted, sendAs("gzip", zipped(event(""))))
	require.Equal(t, http.StatusRequestEntityTooLarge, sendAs("gzip", zipped(strings.Repeat(" ", 100<<20))), "a bomb of 100 MiB")
	require.Equal(t, http.StatusBadRequest, sendAs("gzip", event("")))
	require.Equal(t, http.StatusBadRequest, sendAs("gzip", zipped(event(""))[:30]))
	require.Equal(t, http.StatusBadRequest, sendAs("zstd", event("")))
	require.Equal(t, 1, sink.LogRecordCount())
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	url := start(t, new(consumertest.LogsSink), nil, nil)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodHead} {
		a := send(t, method, url, nil, "")
		require.Equal(t, http.StatusMethodNotAllowed, a.status, method)
		require.Equal(t, "OPTIONS, POST", a.header.Get("Allow"), method)
	}
	a := send(t, http.MethodOptions, url, nil, "")
	require.Equal(t, http.StatusNoContent, a.status)
	require.Equal(t, "OPTIONS, POST", a.header.Get("Allow"))
	require.Contains(t, a.header.Get("Accept-Post"), mediaBatch)
	require.Equal(t, http.StatusNotFound, post(t, url+"/more", mediaStructured, event("")).status)
}

// failing is a pipeline that fails with err.
func failing(t *testing.T, err error) consumer.Logs {
	c, cerr := consumer.NewLogs(func(context.Context, plog.Logs) error { return err })
	require.NoError(t, cerr)
	return c
}

func TestFailuresOfThePipeline(t *testing.T) {
	t.Parallel()
	withDelay, err := status.New(codes.Unavailable, "SELECT secret").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)})
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		err        error
		status     int
		retryAfter string
	}{
		"for a while":           {errors.New("SELECT secret"), http.StatusServiceUnavailable, "1"},
		"for a while, and says": {fmt.Errorf("wrapped: %w", withDelay.Err()), http.StatusServiceUnavailable, "2"},
		"for good":              {consumererror.NewPermanent(errors.New("SELECT secret")), http.StatusBadRequest, ""},
		"no key":                {consumererror.NewPermanent(status.Error(codes.Unauthenticated, "SELECT secret")), http.StatusUnauthorized, ""},
		"no scope":              {consumererror.NewPermanent(status.Error(codes.PermissionDenied, "SELECT secret")), http.StatusForbidden, ""},
	} {
		a := post(t, start(t, failing(t, tc.err), nil, nil), mediaStructured, event(""))
		require.Equal(t, tc.status, a.status, name)
		require.Equal(t, tc.retryAfter, a.header.Get("Retry-After"), name)
		require.NotContains(t, a.body, "SELECT", name)
	}
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	slow, err := consumer.NewLogs(func(context.Context, plog.Logs) error { entered <- struct{}{}; <-release; return nil })
	require.NoError(t, err)
	url := start(t, slow, nil, func(c *Config) { c.MaxInFlight = 1 })
	var first sync.WaitGroup
	first.Go(func() { assert.Equal(t, http.StatusAccepted, post(t, url, mediaStructured, event("")).status) })
	<-entered
	a := post(t, url, mediaStructured, event(""))
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	close(release)
	first.Wait()
	go func() { <-entered }()
	require.Equal(t, http.StatusAccepted, post(t, url, mediaStructured, event("")).status)
}

// refusing is an authenticator that knows nobody.
type refusing struct {
	component.StartFunc
	component.ShutdownFunc
}

func (refusing) Authenticate(ctx context.Context, _ map[string][]string) (context.Context, error) {
	return ctx, errors.New("API key is unknown")
}

type fakeHost map[component.ID]component.Component

func (h fakeHost) GetExtensions() map[component.ID]component.Component { return h }

func TestCallersWithoutAKey(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("api_key_auth")
	sink := new(consumertest.LogsSink)
	url := start(t, sink, fakeHost{id: refusing{}}, func(c *Config) {
		c.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: id}})
	})
	a := post(t, url, mediaStructured, event(""))
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
	require.Zero(t, sink.LogRecordCount())
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.NetAddr.Endpoint = freeAddress(t)
	create := func() component.Component {
		r, err := NewFactory().CreateLogs(context.Background(), receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
		require.NoError(t, err)
		return r
	}
	require.NoError(t, create().Shutdown(context.Background()), "without Start")
	first, second := create(), create()
	require.NoError(t, first.Start(context.Background(), componenttest.NewNopHost()))
	require.ErrorContains(t, second.Start(context.Background(), componenttest.NewNopHost()), "`endpoint`")
	require.NoError(t, second.Shutdown(context.Background()))
	require.NoError(t, first.Shutdown(context.Background()))
	require.NoError(t, first.Shutdown(context.Background()), "again")
}
