package usagepdata

import (
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// FromLogs turns log records that have an event name into custom events; CloudEvents arrive as such records. Records
// without a name are not_usage.
func FromLogs(ld plog.Logs, opts Options) *usage.Batch {
	c := conversion{opts: opts}
	c.events = newEvents(ld.LogRecordCount())
	var ids recordIDs
	for _, rl := range ld.ResourceLogs().All() {
		src := readSource(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				c.log(&src, rl.Resource(), rec, &ids)
			}
		}
	}
	return c.batch()
}

// envelope is what names a log record: the fields of its event, or of the CloudEvent that it was.
type envelope struct {
	name                      string
	uid, stamp                string
	ceSource, ceID, ceSubject string
	ceType                    string
}

func (n *envelope) take(key string, v *value) bool {
	switch key {
	case usageconv.EventName:
		n.name = v.text
	case usageconv.LogRecordUID:
		n.uid = v.text
	case usageconv.StampRecordID:
		n.stamp = v.text
	case usageconv.CloudEventSource:
		n.ceSource = v.text
	case usageconv.CloudEventID:
		n.ceID = v.text
	case usageconv.CloudEventSubject:
		n.ceSubject = v.text
	case usageconv.CloudEventType:
		n.ceType = v.text
	case usageconv.CloudEventSpecVersion:
	default:
		return false
	}
	return true
}

// eventName prefers OTLP's own field over the attribute that it replaced.
func (n *envelope) eventName(rec plog.LogRecord) string {
	for _, name := range []string{rec.EventName(), n.name, n.ceType} {
		if name = usage.Sanitize(name, usage.MaxName); name != "" {
			return name
		}
	}
	return ""
}

// id is the id that the record's source gave it, or else false.
func (n *envelope) id() (usage.ID, bool) {
	switch {
	case n.ceID != "" && n.ceSource != "":
		return usage.NamedID('c', n.ceSource, n.ceID), true
	case n.uid != "":
		return usage.NamedID('l', n.uid), true
	}
	var id usage.ID
	if len(n.stamp) == hex.EncodedLen(len(id)) {
		if _, err := hex.Decode(id[:], []byte(n.stamp)); err == nil {
			return id, true
		}
	}
	return usage.ID{}, false
}

var errNoName = errors.New("no event name")

func (c *conversion) log(src *source, res pcommon.Resource, rec plog.LogRecord, ids *recordIDs) {
	var w who
	w.inherit(src)
	var (
		env  envelope
		what deed
		keep = kept{dropped: int(rec.DroppedAttributesCount())}
	)
	for key, given := range rec.Attributes().All() {
		v := valueOf(given)
		if !env.take(key, &v) && !what.take(key, &v) && !w.take(key, &v) && !strings.HasPrefix(key, usageconv.ClaimedPrefix) {
			keep.put(key, &v)
		}
	}
	same := src.complete(&w, false)
	name := env.eventName(rec)
	at, undated := c.logTime(rec)
	reason, err := c.checkLog(&w, name, at)
	if reason != "" {
		c.rejections.add(w.reporter, reason, func() string { return err.Error() }, func() string { return logRecord(rec, name) })
		return
	}

	e := c.add()
	id, ok := env.id()
	if !ok {
		id = ids.next(res, rec)
	}
	e.ID = ownID(&w, id)
	e.Kind = usage.KindCustom
	e.Name = name
	e.KeyID, e.Fingerprint = src.owner(&w, false)
	e.ReporterID = w.reporter
	e.Time, e.Undated = at, undated
	w.describe(e, src.metadataOf(same))
	what.describe(e)
	c.logPayment(e, &w, &what, &keep, rec)
	w.keepEnvironment(&keep)
	keep.putText(usageconv.CloudEventSource, env.ceSource)
	keep.putText(usageconv.CloudEventID, env.ceID)
	keep.putText(usageconv.CloudEventSubject, env.ceSubject)
	if body := rec.Body(); body.Type() != pcommon.ValueTypeEmpty {
		v := valueOf(body)
		keep.put("body", &v)
	}
	e.Attributes = keep.attributes()
	c.same.share(e)
}

// ownID keeps the ids of ordinary keys apart from those of the platform: what a customer sends under an id that the platform
// is about to use for that customer's key must not make the platform's event a repetition. Ids of spans are drawn at
// random by whoever saw the call, so there is nothing to guess.
func ownID(w *who, id usage.ID) usage.ID {
	if w.trusted {
		return id
	}
	return usage.NamedID('u', string(id[:]))
}

// logPayment reads the payment of the one custom event that reports payments; on others amounts are plain attributes.
func (c *conversion) logPayment(e *usage.Event, w *who, what *deed, keep *kept, rec plog.LogRecord) {
	if e.Name != usageconv.EventPaymentCompleted {
		what.keepPayment(keep)
		return
	}
	var err error
	e.Payment, err = what.payment()
	if err == nil && e.Payment == nil {
		err = errNoAmount
	}
	if err != nil {
		what.keepPayment(keep)
		c.notes.add(w.reporter, usage.ReasonBadPayment, func() string { return err.Error() }, func() string { return logRecord(rec, e.Name) })
	}
}

// logTime is when the event happened, else when it was noticed, else when it was received.
func (c *conversion) logTime(rec plog.LogRecord) (at time.Time, undated bool) {
	switch {
	case rec.Timestamp() != 0:
		return micros(rec.Timestamp()), false
	case rec.ObservedTimestamp() != 0:
		return micros(rec.ObservedTimestamp()), false
	}
	return c.opts.Now.UTC().Truncate(time.Microsecond), true
}

func (c *conversion) checkLog(w *who, name string, at time.Time) (usage.Reason, error) {
	switch {
	case w.foreign:
		return usage.ReasonForeignKey, errForeign
	case name == "":
		return usage.ReasonNotUsage, errNoName
	}
	return c.checkTime(at)
}
