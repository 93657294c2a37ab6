package sdkinstrumentation

import (
	"context"
	"crypto/rand"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Bounds of a custom event. They keep a full queue of events within some 16 MiB.
const (
	maxEventAttributes = 64
	maxEventBytes      = 8 << 10
	maxAttributeBytes  = 1 << 10
)

// Track records a custom event, such as "agent_collaboration_started". Strings are cut at 1 KiB; attributes beyond
// 64, or beyond 8 KiB in all, are left out and counted as dropped.
func (in *Instrumentation) Track(ctx context.Context, eventName string, attrs ...attribute.KeyValue) {
	if in.off || eventName == "" {
		return
	}
	defer in.guard(signalLogs)
	var r log.Record
	r.SetEventName(clean(eventName, maxName))
	r.SetTimestamp(in.now(ctx))
	r.SetObservedTimestamp(time.Now())
	r.SetSeverity(log.SeverityInfo)
	r.AddAttributes(log.String(usageconv.LogRecordUID, rand.Text()))
	in.addAttributes(&r, attrs)
	for _, logger := range [...]log.Logger{in.own.logger, in.host.logger} {
		if logger != nil {
			in.emit(ctx, logger, r.Clone())
		}
	}
}

func (in *Instrumentation) emit(ctx context.Context, logger log.Logger, r log.Record) {
	defer in.guard(signalLogs)
	logger.Emit(ctx, r)
}

func (in *Instrumentation) addAttributes(r *log.Record, attrs []attribute.KeyValue) {
	bytes, left := 0, int64(0)
	for i, a := range attrs {
		value := a.Value
		if value.Type() == attribute.STRING {
			value = attribute.StringValue(clean(value.AsString(), maxAttributeBytes))
		}
		size := len(a.Key) + sizeOf(value)
		if !a.Valid() || i >= maxEventAttributes || bytes+size > maxEventBytes {
			left++
			continue
		}
		bytes += size
		r.AddAttributes(log.KeyValue{Key: string(a.Key), Value: log.ValueFromAttribute(value)})
	}
	in.drops.Add(signalLogs, reasonOversized, left)
}

// sizeOf estimates the bytes that a value holds.
func sizeOf(v attribute.Value) int {
	switch v.Type() {
	case attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		return 8
	case attribute.STRING:
		return len(v.AsString())
	}
	return len(v.String())
}
