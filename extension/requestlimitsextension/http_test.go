package requestlimitsextension

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/disco-platform/mirrorball/extension/requestlimitsextension/internal/metadatatest"
)

func (s *server) refusals(t *testing.T, byReason map[string]int64) {
	t.Helper()
	var points []metricdata.DataPoint[int64]
	for reason, n := range byReason {
		points = append(points, metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String("reason", reason)), Value: n})
	}
	metadatatest.AssertEqualExtensionRequestLimitsRefusedCalls(t, s.telemetry, points, metricdatatest.IgnoreTimestamp())
}

func TestPlacesOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxInFlight, c.MaxInFlightPerCaller = 5, 2 })
	body := encoded(t, oneSpan())
	var held sync.WaitGroup
	hold := func(key string) {
		held.Go(func() { assert.Equal(t, http.StatusOK, s.post(t, key, "/v1/traces", protobuf, body).status) })
		<-s.gate.entered
	}
	hold("alice")
	hold("alice")
	require.Equal(t, got{429, "1", 8, "too many calls of this API key or address are under way; send this one again"}, s.post(t, "alice", "/v1/traces", protobuf, body))
	require.Equal(t, 429, s.post(t, "alice", "/v1/traces", "application/json", []byte(`{}`)).status)
	require.Equal(t, 429, s.post(t, "alice", "/v1/traces", protobuf+" gzip", body).status)
	require.Equal(t, 401, s.post(t, "bad", "/v1/traces", protobuf, body).status)

	hold("platform")
	hold("platform")
	hold("platform") // more than its share, which it is not bound to
	require.Equal(t, got{503, "1", 14, "too many calls are under way; send this one again"}, s.post(t, "bob", "/v1/traces", protobuf, body))
	metadatatest.AssertEqualExtensionRequestLimitsCallsInFlight(t, s.telemetry, []metricdata.DataPoint[int64]{{Value: 5}}, metricdatatest.IgnoreTimestamp())
	close(s.gate.open)
	held.Wait()
	require.Equal(t, 200, s.post(t, "bob", "/v1/traces", protobuf, body).status)
	s.refusals(t, map[string]int64{"share": 3, "busy": 1})
}

func TestBodiesOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *Config) { c.MaxDepth, c.MaxElements = 64, 1000 })
	close(s.gate.open)
	inJSON := func(depth int) []byte {
		data, err := deepSpan(depth).MarshalJSON()
		require.NoError(t, err)
		return data
	}
	emptySpans := field(1, field(2, bytes.Repeat([]byte{0x12, 0}, 1<<20)))
	for name, tc := range map[string]struct {
		contentType string
		body        []byte
		want        int
	}{
		"as deep as allowed":       {protobuf, encoded(t, deepSpan(64)), 200},
		"deeper":                   {protobuf, encoded(t, deepSpan(65)), 400},
		"deeper, compressed":       {protobuf + " gzip", encoded(t, deepSpan(65)), 400},
		"deeper, by another name":  {"Application/X-Protobuf;charset=utf-8", encoded(t, deepSpan(65)), 400},
		"JSON, as deep as allowed": {"application/json", inJSON(64), 200},
		"JSON, deeper":             {"application/json;charset=utf-8", inJSON(120), 400},
		"a million empty spans":    {protobuf, emptySpans, 400},
		"compressed, too":          {protobuf + " gzip", emptySpans, 400},
		"and in JSON":              {"application/json", []byte(`{"resourceSpans":[` + strings.Repeat("{},", 1<<20) + `{}]}`), 400},
		"too large":                {protobuf, field(9, make([]byte, 4<<20)), 413},
		"too large, compressed":    {protobuf + " gzip", field(9, make([]byte, 8<<20)), 413},
		"no OTLP":                  {protobuf, []byte("hello"), 400},
		"nothing":                  {protobuf, nil, 200},
		"not OTLP's media type":    {"text/plain", []byte("hello"), 415},
	} {
		require.Equal(t, tc.want, s.post(t, "alice", "/v1/traces", tc.contentType, tc.body).status, name)
	}
	require.Equal(t, got{400, "", 3, "values may nest 64 deep (max_depth)"}, s.post(t, "alice", "/v1/traces", protobuf, encoded(t, deepSpan(65))))
	require.Equal(t, 404, s.post(t, "alice", "/elsewhere", protobuf, []byte("hello")).status)
	require.Equal(t, 404, s.post(t, "alice", "/v1/logs", protobuf, encoded(t, deepSpan(65))).status, "there is no pipeline for logs")
	require.Len(t, s.gate.entered, 2, "as deep as allowed; a body of nothing is not passed on")
	s.refusals(t, map[string]int64{"too_deep": 5, "too_many_elements": 3, "too_large": 2, "unreadable": 1})
}

// A receiver whose paths have names of its own gets no body unchecked.
func TestPathsThatAreNotKnown(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]message{"/v1/traces": tracesRequest, "/otel/in/logs": logsRequest, "metrics": metricsRequest} {
		root, ok := rootOf(path)
		require.True(t, ok, path)
		require.Equal(t, want, root, path)
	}
	for _, path := range []string{"", "/", "/v1/traces/", "/v1development/profiles"} {
		_, ok := rootOf(path)
		require.False(t, ok, path)
	}
}
