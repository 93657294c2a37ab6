package usagepdata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// maxQuarantined is how many records of one reporter and reason a batch keeps in full; the others are only counted.
// It bounds the memory that a batch of nothing but bad records takes: 100 times MaxRecord to a reason.
const maxQuarantined = 100

type group struct {
	reporter string
	reason   usage.Reason
}

// rejections gathers what was refused. Reasons that are not kept become one rejection to a reporter.
type rejections struct {
	list []usage.Rejection
	kept map[group]int // records kept in full so far
	rest map[group]int // index in list of the rejection that counts the others
}

// add counts a refused record. detail and record are called only for records that are kept in full.
func (r *rejections) add(reporter string, reason usage.Reason, detail, record func() string) {
	g := group{reporter, reason}
	if !r.keeps(g) {
		r.count(g, 1)
		return
	}
	r.keep(g, usage.Rejection{
		ReporterID: reporter, Reason: reason, Count: 1,
		Detail: usage.Sanitize(redacted(detail()), usage.MaxDetail),
		Record: record(),
	})
}

// join takes over what others gathered.
func (r *rejections) join(others []usage.Rejection) {
	for _, other := range others {
		g := group{other.ReporterID, other.Reason}
		if other.Record != "" && r.keeps(g) {
			r.keep(g, other)
		} else {
			r.count(g, other.Count)
		}
	}
}

// keeps reports whether one more record of a group is kept in full.
func (r *rejections) keeps(g group) bool { return g.reason.Kept() && r.kept[g] < maxQuarantined }

func (r *rejections) keep(g group, one usage.Rejection) {
	if r.kept == nil {
		r.kept = make(map[group]int)
	}
	r.kept[g]++
	r.list = append(r.list, one)
}

func (r *rejections) count(g group, n int) {
	i, ok := r.rest[g]
	if !ok {
		if r.rest == nil {
			r.rest = make(map[group]int)
		}
		i = len(r.list)
		r.rest[g] = i
		more := usage.Rejection{ReporterID: g.reporter, Reason: g.reason}
		if g.reason.Kept() {
			more.Detail = fmt.Sprintf("further records like the %d before", maxQuarantined)
		}
		r.list = append(r.list, more)
	}
	r.list[i].Count += n
}

// refused is the JSON form of a record in quarantine: enough to see what was sent.
type refused struct {
	Signal     string            `json:"signal"`
	Name       string            `json:"name,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	TraceID    string            `json:"trace_id,omitempty"`
	SpanID     string            `json:"span_id,omitempty"`
	Start      string            `json:"start,omitempty"`
	End        string            `json:"end,omitempty"`
	Time       string            `json:"time,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Truncated  bool              `json:"truncated,omitempty"`
}

func spanRecord(span ptrace.Span) string {
	return refused{
		Signal: "span", Name: usage.Sanitize(span.Name(), usage.MaxName), Kind: span.Kind().String(),
		TraceID: span.TraceID().String(), SpanID: span.SpanID().String(),
		Start: timestamp(span.StartTimestamp()), End: timestamp(span.EndTimestamp()),
	}.json(span.Attributes())
}

func logRecord(rec plog.LogRecord, name string) string {
	return refused{
		Signal: "log", Name: usage.Sanitize(name, usage.MaxName),
		TraceID: rec.TraceID().String(), SpanID: rec.SpanID().String(),
		Time: timestamp(rec.Timestamp()),
	}.json(rec.Attributes())
}

func pointRecord(name string, p dataPoint) string {
	return refused{
		Signal: "metric", Name: usage.Sanitize(name, usage.MaxName),
		Start: timestamp(p.start), Time: timestamp(p.time),
	}.json(p.attributes)
}

// json writes the record within MaxRecord bytes, leaving attributes out if need be, so that it is always valid JSON.
func (r refused) json(attributes pcommon.Map) string {
	var k kept
	for key, given := range attributes.All() {
		v := valueOf(given)
		k.put(key, &v)
	}
	r.Attributes = k.attributes()
	out := encode(r)
	if len(out) > usage.MaxRecord {
		r.Attributes, r.Truncated = nil, true
		out = encode(r)
	}
	return out
}

func encode(r refused) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(r) != nil {
		return ""
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func timestamp(ts pcommon.Timestamp) string {
	if ts == 0 {
		return ""
	}
	return micros(ts).Format(time.RFC3339Nano)
}
