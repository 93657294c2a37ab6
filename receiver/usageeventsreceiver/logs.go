package usageeventsreceiver

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// toLogs makes a log record of each event. A record without any time tells the exporter that its event has none, and
// that its id alone decides whether it was seen before.
func toLogs(events []cloudEvent, version string) plog.Logs {
	ld := plog.NewLogs()
	scope := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	scope.Scope().SetName(usageconv.CloudEventsReceiverScope)
	scope.Scope().SetVersion(version)
	scope.LogRecords().EnsureCapacity(len(events))
	for i := range events {
		events[i].writeTo(scope.LogRecords().AppendEmpty())
	}
	return ld
}

func (e *cloudEvent) writeTo(rec plog.LogRecord) {
	rec.SetEventName(e.eventType)
	if !e.time.IsZero() {
		rec.SetTimestamp(pcommon.NewTimestampFromTime(e.time))
	}
	rec.SetDroppedAttributesCount(uint32(e.dropped))
	a := rec.Attributes()
	a.EnsureCapacity(5 + len(e.extensions) + len(e.data))
	for _, f := range e.data {
		put(a, f.name, f.value)
	}
	for _, f := range e.extensions {
		put(a, "cloudevents."+f.name, f.value)
	}
	// Last, so that no field of data passes for the envelope.
	a.PutStr(usageconv.CloudEventID, e.id)
	a.PutStr(usageconv.CloudEventSource, e.source)
	a.PutStr(usageconv.CloudEventType, e.eventType)
	a.PutStr(usageconv.CloudEventSpecVersion, e.specVersion)
	if e.subject != "" {
		a.PutStr(usageconv.CloudEventSubject, e.subject)
	}
}

func put(a pcommon.Map, name string, value any) {
	switch v := value.(type) {
	case string:
		a.PutStr(name, v)
	case int64:
		a.PutInt(name, v)
	case bool:
		a.PutBool(name, v)
	}
}
