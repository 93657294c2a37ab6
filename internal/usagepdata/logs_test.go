package usagepdata

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/disco-platform/mirrorball/internal/usage"
)

func named(name string) func(plog.LogRecord) {
	return func(rec plog.LogRecord) { rec.SetEventName(name) }
}

func TestLogRecordBecomesACustomEvent(t *testing.T) {
	t.Parallel()
	batch := FromLogs(oneLog(t, platform, attrs{
		"log.record.uid": "01JD", "disco.api_key.id": "key_alice", "disco.api_key.fingerprint": fingerprint,
		"disco.operation": "agents.create", "disco.agent.id": "agt_1", "plan": "pro", "seats": 3, "trial": true,
		"disco.payment.amount": "5", "disco.payment.currency": "EUR",
		"http.request.header.authorization": []any{"Bearer x"},
	}, func(rec plog.LogRecord) {
		rec.SetEventName("agent_collaboration_started")
		rec.Body().SetStr("hello")
	}), options)

	want := usage.Event{
		ID: usage.NamedID('l', "01JD"), Kind: usage.KindCustom, KeyID: "key_alice", ReporterID: "key_platform", Trusted: true,
		Time: now.Add(-time.Minute), Name: "agent_collaboration_started", Operation: "agents.create", AgentID: "agt_1",
		Attributes: map[string]string{
			"plan": "pro", "seats": "3", "trial": "true", "body": "hello",
			"disco.payment.amount": "5", "disco.payment.currency": "EUR",
		},
	}
	require.Empty(t, cmp.Diff(&usage.Batch{Events: []usage.Event{want}}, batch, cmp.Comparer(netipEqual)))
}

func TestPaymentCompleted(t *testing.T) {
	t.Parallel()
	good := attrs{"disco.payment.amount": "5.00", "disco.payment.currency": "EUR", "disco.payment.fee": "0.1", "log.record.uid": "1"}
	batch := FromLogs(oneLog(t, platform, good, named("disco.payment.completed")), options)
	require.Len(t, batch.Events, 1)
	require.True(t, batch.Events[0].Payment.Amount.Equal(decimal.NewFromInt(5)))
	require.Nil(t, batch.Events[0].Attributes)

	for name, bad := range map[string]attrs{
		"float":     {"disco.payment.amount": 5.5, "disco.payment.currency": "EUR"},
		"no amount": {"disco.payment.currency": "EUR"},
		"nothing":   {},
	} {
		batch = FromLogs(oneLog(t, platform, bad, named("disco.payment.completed")), options)
		require.Len(t, batch.Events, 1, name)
		require.Nil(t, batch.Events[0].Payment, name)
		require.Len(t, batch.Notes, 1, name)
		require.Equal(t, usage.ReasonBadPayment, batch.Notes[0].Reason, name)
		require.True(t, json.Valid([]byte(batch.Notes[0].Record)), name)
	}
}

func TestTimeOfALogRecord(t *testing.T) {
	t.Parallel()
	observed := now.Add(-time.Hour)
	for name, tc := range map[string]struct {
		timestamp, observed time.Time
		want                time.Time
		undated             bool
	}{
		"its own":       {now.Add(-2 * time.Hour), observed, now.Add(-2 * time.Hour), false},
		"when observed": {time.Time{}, observed, observed, false},
		"when received": {time.Time{}, time.Time{}, now, true},
	} {
		batch := FromLogs(oneLog(t, customer, attrs{}, func(rec plog.LogRecord) {
			rec.SetEventName("x")
			rec.SetTimestamp(0)
			if !tc.timestamp.IsZero() {
				rec.SetTimestamp(pcommon.NewTimestampFromTime(tc.timestamp))
			}
			if !tc.observed.IsZero() {
				rec.SetObservedTimestamp(pcommon.NewTimestampFromTime(tc.observed))
			}
		}), options)
		require.Len(t, batch.Events, 1, name)
		require.Equal(t, tc.want, batch.Events[0].Time, name)
		require.Equal(t, tc.undated, batch.Events[0].Undated, name)
	}
}

func TestLogRecordsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		record attrs
		change func(plog.LogRecord)
		reason usage.Reason
	}{
		"no event name":  {attrs{"a": "b"}, nil, usage.ReasonNotUsage},
		"a name of NULs": {attrs{}, named("\x00\x00"), usage.ReasonNotUsage},
		"another's key":  {attrs{"mirrorball.foreign_key": true}, named("x"), usage.ReasonForeignKey},
		"too old":        {attrs{}, func(rec plog.LogRecord) { rec.SetEventName("x"); rec.SetTimestamp(1) }, usage.ReasonTooOld},
		"observed in future": {attrs{}, func(rec plog.LogRecord) {
			rec.SetEventName("x")
			rec.SetTimestamp(0)
			rec.SetObservedTimestamp(1 << 63)
		}, usage.ReasonInFuture},
	} {
		batch := FromLogs(oneLog(t, customer, tc.record, tc.change), options)
		require.Len(t, batch.Rejections, 1, name)
		require.Empty(t, batch.Events, name)
		require.Equal(t, tc.reason, batch.Rejections[0].Reason, name)
		require.Equal(t, "key_alice", batch.Rejections[0].ReporterID, name)
	}
}

func TestOldAndNewPlaceOfTheEventName(t *testing.T) {
	t.Parallel()
	for want, batch := range map[string]*usage.Batch{
		"new":  FromLogs(oneLog(t, customer, attrs{"event.name": "old"}, named("new")), options),
		"old":  FromLogs(oneLog(t, customer, attrs{"event.name": "old"}, nil), options),
		"type": FromLogs(oneLog(t, customer, attrs{"cloudevents.event_type": "type"}, nil), options),
	} {
		require.Equal(t, want, batch.Events[0].Name)
	}
}

func TestCloudEvent(t *testing.T) {
	t.Parallel()
	batch := FromLogs(oneLog(t, customer, attrs{
		"cloudevents.event_source": "/shop", "cloudevents.event_id": "7", "cloudevents.event_type": "cart.filled",
		"cloudevents.event_spec_version": "1.0", "cloudevents.event_subject": "cart", "log.record.uid": "ignored",
	}, func(rec plog.LogRecord) { rec.SetEventName("cart.filled"); rec.SetTimestamp(0) }), options)
	require.Len(t, batch.Events, 1)
	e := batch.Events[0]
	named := usage.NamedID('c', "/shop", "7")
	require.Equal(t, usage.NamedID('u', string(named[:])), e.ID)
	require.True(t, e.Undated)
	require.Equal(t, map[string]string{"cloudevents.event_source": "/shop", "cloudevents.event_id": "7", "cloudevents.event_subject": "cart"}, e.Attributes)
}

// An id can be foreseen: a customer that uses it first must not make a repetition of what the platform then says of its key.
func TestCustomersCannotForestallThePlatform(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]attrs{
		"CloudEvent": {"cloudevents.event_source": "/payments", "cloudevents.event_id": "pay_1"},
		"uid":        {"log.record.uid": "pay_1"},
		"content":    {},
	} {
		theirs := maps.Clone(id)
		theirs["disco.api_key.id"], theirs["disco.api_key.fingerprint"] = "key_alice", fingerprint
		forged := FromLogs(oneLog(t, attrs{"mirrorball.reporter": "key_alice"}, id, named("disco.payment.completed")), options).Events[0]
		honest := FromLogs(oneLog(t, platform, theirs, named("disco.payment.completed")), options).Events[0]
		require.Equal(t, honest.KeyID, forged.KeyID, name)
		require.Equal(t, honest.Time, forged.Time, name)
		require.NotEqual(t, honest.ID, forged.ID, name)
	}
}

// request is two equal events and a different one, none of which has an id.
func request(t *testing.T) plog.Logs {
	ld := plog.NewLogs()
	for _, plan := range []string{"pro", "pro", "free"} {
		oneLog(t, customer, attrs{"plan": plan}, named("upgraded")).ResourceLogs().MoveAndAppendTo(ld.ResourceLogs())
	}
	return ld
}

func idsOf(b *usage.Batch) []usage.ID {
	var ids []usage.ID
	for _, e := range b.Events {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestRepeatedRequestHasTheSameIDs(t *testing.T) {
	t.Parallel()
	first, again := request(t), request(t)
	for _, rl := range again.ResourceLogs().All() { // what the collector writes may differ
		rl.Resource().Attributes().PutStr("client.address", "198.51.100.9")
		rl.Resource().Attributes().PutStr("disco.organization.name", "Renamed")
	}
	StampRecordIDs(first)
	StampRecordIDs(again)
	want := idsOf(FromLogs(first, options))
	require.Len(t, want, 3)
	require.NotEqual(t, want[0], want[1], "two equal events of one request are two")
	require.Equal(t, want, idsOf(FromLogs(again, options)))
	require.Equal(t, want, idsOf(FromLogs(request(t), options)), "the stamp is what FromLogs works out by itself")

	// Merged into one batch by the queue, the request and its repetition still have the same ids.
	again.ResourceLogs().MoveAndAppendTo(first.ResourceLogs())
	require.Equal(t, append(want, want...), idsOf(FromLogs(first, options)))
}

func TestContentTellsEventsApart(t *testing.T) {
	t.Parallel()
	seen := make(map[usage.ID]string)
	for name, batch := range map[string]*usage.Batch{
		"a":           FromLogs(oneLog(t, customer, attrs{"k": "1"}, named("a")), options),
		"b":           FromLogs(oneLog(t, customer, attrs{"k": "1"}, named("b")), options),
		"value":       FromLogs(oneLog(t, customer, attrs{"k": "2"}, named("a")), options),
		"type":        FromLogs(oneLog(t, customer, attrs{"k": 1}, named("a")), options),
		"key":         FromLogs(oneLog(t, customer, attrs{"k1": ""}, named("a")), options),
		"body":        FromLogs(oneLog(t, customer, attrs{"k": "1"}, func(r plog.LogRecord) { r.SetEventName("a"); r.Body().SetStr("x") }), options),
		"time":        FromLogs(oneLog(t, customer, attrs{"k": "1"}, func(r plog.LogRecord) { r.SetEventName("a"); r.SetTimestamp(r.Timestamp() + 1) }), options),
		"span":        FromLogs(oneLog(t, customer, attrs{"k": "1"}, func(r plog.LogRecord) { r.SetEventName("a"); r.SetSpanID(pcommon.SpanID{1}) }), options),
		"the process": FromLogs(oneLog(t, attrs{"mirrorball.reporter": "key_alice", "service.instance.id": "2"}, attrs{"k": "1"}, named("a")), options),
	} {
		require.Len(t, batch.Events, 1, name)
		other, repeated := seen[batch.Events[0].ID]
		require.False(t, repeated, "%s has the id of %s", name, other)
		seen[batch.Events[0].ID] = name
	}
}

func TestStampLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	for name, ld := range map[string]plog.Logs{
		"has a uid":       oneLog(t, customer, attrs{"log.record.uid": "1"}, named("x")),
		"is a CloudEvent": oneLog(t, customer, attrs{"cloudevents.event_source": "s", "cloudevents.event_id": "1"}, named("x")),
		"is no usage":     oneLog(t, customer, attrs{"a": "b"}, nil),
	} {
		before := plog.NewLogs()
		ld.CopyTo(before)
		StampRecordIDs(ld)
		require.Equal(t, before, ld, name)
	}
}

func TestHostileLogRecordIsBounded(t *testing.T) {
	t.Parallel()
	record := attrs{}
	for i := range 10_000 {
		record[fmt.Sprintf("k%d", i)] = strings.Repeat("é\x00", 100)
	}
	batch := FromLogs(oneLog(t, customer, record, func(rec plog.LogRecord) {
		rec.SetEventName(strings.Repeat("n\xff", 1<<20))
		rec.SetDroppedAttributesCount(5)
		deep := rec.Body().SetEmptySlice()
		for range 200 {
			deep = deep.AppendEmpty().SetEmptySlice()
		}
	}), options)
	require.Len(t, batch.Events, 1)
	checkBatch(t, batch, 1)
	// 10,000 and the body, less the 63 kept, and 5 that the sender had dropped before.
	require.Equal(t, "9943", batch.Events[0].Attributes["otel.dropped_attributes_count"])
}
