//go:build linux

package chaos

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/disco-platform/mirrorball/internal/history"
)

// batch is one OTLP request, and what its events should become.
type batch struct {
	path   string
	key    string // that it is sent with
	body   []byte
	events []history.Event
	broken bool // must be refused for good
}

// customer is a registered key.
type customer struct{ key, id string }

// population is who sends and whom it is about.
type population struct {
	platform  customer
	customers []customer
}

// factory makes batches that nobody has made before.
type factory struct {
	population
	rng    *rand.Rand
	prefix string
	made   int
}

const (
	vantageServer = "server"
	vantageClient = "client"
	maxBatch      = 400
)

// next makes a batch: mostly calls as the platform's servers saw them, some as customers' programs did, some custom events.
func (f *factory) next() (*batch, error) {
	size := 1 + f.rng.IntN(maxBatch)
	var b *batch
	var err error
	switch n := f.rng.IntN(20); {
	case n < 13:
		b, err = f.spans(size, f.platform, vantageServer)
	case n < 16:
		b, err = f.spans(size, f.customer(), vantageClient)
	default:
		b, err = f.logs(size)
	}
	if err == nil && f.rng.IntN(25) == 0 {
		f.spoil(b)
	}
	return b, err
}

func (f *factory) customer() customer { return f.customers[f.rng.IntN(len(f.customers))] }

// spoil makes a batch that no collector may take.
func (f *factory) spoil(b *batch) {
	b.broken = true
	if f.rng.IntN(2) == 0 {
		b.key = "dk_live_notakey"
	} else {
		b.body = b.body[:len(b.body)-1-f.rng.IntN(len(b.body)/2)]
	}
}

// spans makes calls. Each carries its own name as its agent: what the database holds can be told apart by that,
// whatever the store made of trace and span ids.
func (f *factory) spans(size int, sender customer, vantage string) (*batch, error) {
	b := &batch{path: "/v1/traces", key: sender.key}
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	if vantage == vantageClient {
		rs.Resource().Attributes().PutStr("disco.sdk.name", "disco-sdk-go")
		rs.Resource().Attributes().PutStr("disco.sdk.version", "1.0.0")
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for range size {
		owner := sender
		if vantage == vantageServer {
			owner = f.customer()
		}
		e := f.call(owner, vantage)
		e.LedgerKey = sender.id
		b.events = append(b.events, e)
		f.span(spans.AppendEmpty(), e, owner)
	}
	var err error
	b.body, err = ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	return b, err
}

func (f *factory) call(owner customer, vantage string) history.Event {
	e := history.Event{ID: f.id(), Key: owner.id, LedgerKey: owner.id, Vantage: vantage}
	e.Time, e.Invalid = f.time()
	e.Endpoint = fmt.Sprintf("GET /things/%c", 'a'+rune(f.rng.IntN(8)))
	if owner == f.customers[0] { // the first customer uses up its day's allowance of distinct endpoints
		e.Endpoint = fmt.Sprintf("GET /many/%d/x", f.rng.IntN(2000))
	}
	e.DurationMicros = f.rng.Int64N(2_000_000)
	e.Failed = f.rng.IntN(10) == 0
	if vantage == vantageServer && !e.Failed && f.rng.IntN(4) == 0 {
		e.Currency = []string{"EUR", "USD", "GBP"}[f.rng.IntN(3)]
		e.AmountMicros = (1 + f.rng.Int64N(1_000_000)) * 10_000
	}
	return e
}

func (f *factory) id() string {
	f.made++
	return fmt.Sprintf("%s-%d", f.prefix, f.made)
}

// time is when a call happened: anywhere in the accepted window, often around midnight and month's end, now and then
// outside the window.
func (f *factory) time() (at time.Time, invalid bool) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	switch n := f.rng.IntN(50); {
	case n == 0:
		return now.AddDate(0, 0, -100), true
	case n == 1:
		return now.Add(3 * time.Hour), true
	case n < 10:
		midnight := now.Truncate(24*time.Hour).AddDate(0, 0, -f.rng.IntN(3))
		if n < 5 {
			midnight = midnight.AddDate(0, 0, 1-midnight.Day())
		}
		return midnight.Add(time.Duration(f.rng.IntN(3)-1) * time.Microsecond), false
	case n < 25:
		return now.Add(-time.Duration(f.rng.Int64N(int64(time.Hour/time.Microsecond))) * time.Microsecond), false
	}
	return now.Add(-time.Duration(f.rng.Int64N(int64(80*24*time.Hour/time.Microsecond))) * time.Microsecond), false
}

func (f *factory) span(s ptrace.Span, e history.Event, owner customer) {
	sum := sha256.Sum256([]byte(e.ID))
	s.SetTraceID(pcommon.TraceID(sum[:16]))
	s.SetSpanID(pcommon.SpanID(sum[16:24]))
	s.SetName("call")
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(e.Time))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(e.Time.Add(time.Duration(e.DurationMicros) * time.Microsecond)))
	a := s.Attributes()
	a.PutStr("http.request.method", e.Endpoint[:3])
	a.PutStr("http.route", e.Endpoint[4:])
	a.PutStr("disco.agent.id", e.ID)
	status := int64(200)
	if e.Failed {
		status = 500
	}
	a.PutInt("http.response.status_code", status)
	s.SetKind(ptrace.SpanKindClient)
	if e.Vantage == vantageServer {
		s.SetKind(ptrace.SpanKindServer)
		a.PutStr("disco.api_key.fingerprint", fingerprint(owner.key))
		a.PutStr("user_agent.original", "disco-sdk-go/1.0.0 (go1.26; linux/amd64)")
	}
	if e.Currency != "" {
		a.PutStr("disco.payment.amount", strconv.FormatInt(e.AmountMicros/1_000_000, 10)+"."+fmt.Sprintf("%02d", e.AmountMicros/10_000%100))
		a.PutStr("disco.payment.currency", e.Currency)
	}
}

// logs makes custom events, half of them without a time of their own.
func (f *factory) logs(size int) (*batch, error) {
	owner := f.customer()
	b := &batch{path: "/v1/logs", key: owner.key}
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range size {
		e := history.Event{ID: f.id(), Key: owner.id, LedgerKey: owner.id}
		e.Name = []string{"agent_collaboration_started", "agent_collaboration_ended"}[f.rng.IntN(2)]
		r := records.AppendEmpty()
		if f.rng.IntN(2) == 0 {
			e.Time, e.Invalid = f.time()
			r.SetTimestamp(pcommon.NewTimestampFromTime(e.Time))
		}
		r.SetEventName(e.Name)
		r.Attributes().PutStr("log.record.uid", e.ID)
		r.Attributes().PutStr("disco.agent.id", e.ID)
		b.events = append(b.events, e)
	}
	var err error
	b.body, err = plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	return b, err
}

func fingerprint(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
