// Package otlptest is a collector for tests: it takes OTLP/HTTP exports, in process or over the network, and
// keeps what they said.
package otlptest

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Attributes are string, int64, bool and float64 values by key.
type Attributes map[string]any

// Span is a span as it arrived. Ids are hex.
type Span struct {
	Name                      string
	Server                    bool
	TraceID, SpanID, ParentID string
	Start, End                time.Time
	Error                     bool
	Attributes, Resource      Attributes
}

// Log is a log record as it arrived.
type Log struct {
	EventName            string
	Time                 time.Time
	Attributes, Resource Attributes
}

// Collector keeps what it was sent. Its zero value answers 200.
type Collector struct {
	// Answer, if set, answers instead; what comes with such a request is not kept. Set it before use.
	Answer func(w http.ResponseWriter, r *http.Request) bool

	mu      sync.Mutex
	spans   []Span
	logs    []Log
	metrics map[string]*metricspb.Metric // the newest by name
	headers []http.Header
	raw     bytes.Buffer
}

// RoundTrip lets the collector be used without a network.
func (c *Collector) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	c.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// ServeHTTP takes an export.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.Answer != nil && c.Answer(w, r) {
		return
	}
	body, err := read(r)
	if err == nil {
		err = c.keep(r, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func read(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	zr, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zr)
}

func (c *Collector) keep(r *http.Request, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = append(c.headers, r.Header.Clone())
	c.raw.Write(body)
	switch r.URL.Path {
	case "/v1/traces":
		return c.keepSpans(body)
	case "/v1/logs":
		return c.keepLogs(body)
	default:
		return c.keepMetrics(body)
	}
}

func (c *Collector) keepSpans(body []byte) error {
	var req coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		return err
	}
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				c.spans = append(c.spans, Span{
					Name: s.Name, Server: s.Kind == tracepb.Span_SPAN_KIND_SERVER,
					TraceID: hex.EncodeToString(s.TraceId), SpanID: hex.EncodeToString(s.SpanId), ParentID: hex.EncodeToString(s.ParentSpanId),
					Start: unixNano(s.StartTimeUnixNano), End: unixNano(s.EndTimeUnixNano),
					Error:      s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
					Attributes: attributes(s.Attributes), Resource: attributes(rs.Resource.Attributes),
				})
			}
		}
	}
	return nil
}

func (c *Collector) keepLogs(body []byte) error {
	var req collogspb.ExportLogsServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		return err
	}
	for _, rl := range req.ResourceLogs {
		for _, sl := range rl.ScopeLogs {
			for _, l := range sl.LogRecords {
				c.logs = append(c.logs, Log{
					EventName: l.EventName, Time: unixNano(l.TimeUnixNano),
					Attributes: attributes(l.Attributes), Resource: attributes(rl.Resource.Attributes),
				})
			}
		}
	}
	return nil
}

func (c *Collector) keepMetrics(body []byte) error {
	var req colmetricspb.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		return err
	}
	if c.metrics == nil {
		c.metrics = make(map[string]*metricspb.Metric)
	}
	for _, rm := range req.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				c.metrics[m.Name] = m
			}
		}
	}
	return nil
}

// Spans returns the spans in order of arrival.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Logs returns the log records in order of arrival.
func (c *Collector) Logs() []Log {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Log(nil), c.logs...)
}

// Metric returns the newest metric of a name, nil if there is none.
func (c *Collector) Metric(name string) *metricspb.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.metrics[name]
}

// Headers returns the headers of each export.
func (c *Collector) Headers() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]http.Header(nil), c.headers...)
}

// Raw returns the bodies of all exports, uncompressed.
func (c *Collector) Raw() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// Of turns the attributes of a data point into a map.
func Of(kvs []*commonpb.KeyValue) Attributes { return attributes(kvs) }

func attributes(kvs []*commonpb.KeyValue) Attributes {
	m := make(Attributes, len(kvs))
	for _, kv := range kvs {
		switch v := kv.Value.GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			m[kv.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			m[kv.Key] = v.IntValue
		case *commonpb.AnyValue_BoolValue:
			m[kv.Key] = v.BoolValue
		case *commonpb.AnyValue_DoubleValue:
			m[kv.Key] = v.DoubleValue
		}
	}
	return m
}

func unixNano(ns uint64) time.Time { return time.Unix(0, int64(ns)).UTC() } //nolint:gosec // times of tests
