package usage

import (
	"context"
	"time"
)

// Batch is what one delivery brings.
// Received records = len(Events) + the sum of Rejections' Count + len(Totals).
type Batch struct {
	Events     []Event
	Rejections []Rejection
	Totals     []ReportedTotal
	// Notes are parts of records that were dropped while the record itself was kept, such as a bad payment.
	Notes []Rejection
}

// Len is the number of records the batch stands for.
func (b *Batch) Len() int {
	n := len(b.Events) + len(b.Totals)
	for i := range b.Rejections {
		n += b.Rejections[i].Count
	}
	return n
}

// Reason is why a record, or a part of one, was not stored. The values are stored and shown; never change them.
type Reason string

const (
	// ReasonNotUsage marks records that are no usage, such as a customer's INTERNAL spans. They are counted
	// in the ledger and not kept.
	ReasonNotUsage Reason = "not_usage"
	// ReasonForeignKey marks records that name another key without the scope telemetry:write_any.
	ReasonForeignKey  Reason = "foreign_key"
	ReasonTooOld      Reason = "too_old"
	ReasonInFuture    Reason = "in_future"
	ReasonNoTime      Reason = "no_time"
	ReasonNoID        Reason = "no_id"
	ReasonBadDuration Reason = "bad_duration"
	ReasonBadPayment  Reason = "bad_payment"
	ReasonBadEvent    Reason = "bad_event"
	// ReasonUnstorable marks records that Postgres refused for a reason of their own.
	ReasonUnstorable Reason = "unstorable"
)

// Kept reports whether records refused for this reason go to the quarantine table besides the ledger.
func (r Reason) Kept() bool { return r != ReasonNotUsage }

// Rejection is a record that is not stored, or Count records alike.
type Rejection struct {
	// ReporterID is the public id of the key that the record was sent with; empty when unknown.
	ReporterID string
	Reason     Reason
	Count      int
	// Detail says what was wrong, for people; it carries no secret. At most MaxDetail bytes.
	Detail string
	// Record is the refused record as JSON for the quarantine table, or empty. At most MaxRecord bytes.
	Record string
}

// ReportedTotal is one data point of a metric that an SDK reported. Totals are kept beside statistics and
// never added to them.
type ReportedTotal struct {
	// KeyID and ReporterID are those of [Event].
	KeyID, ReporterID string
	// Stream identifies the metric stream: name, kind and attributes.
	Stream     ID
	Name       string
	Unit       string
	Attributes map[string]string
	Start      time.Time
	Time       time.Time
	// Value is the sum of a counter, or the sum of a histogram's observations; Count is the number of
	// observations of a histogram and 0 for counters and gauges.
	Value float64
	Count uint64
}

// Receipt says what became of batches: Received = Stored + Repeated + Rejected.
type Receipt struct {
	Stored, Repeated, Rejected int
}

// Writer stores batches.
//
// Write stores all of the batches in one transaction, or nothing. It returns nil only after COMMIT, so a nil error may be
// acknowledged to the senders. Writing a batch again changes no event, total or statistic: events are keyed by (key, time,
// id), or by (key, id) when undated, and the ledger counts them as repeated. Rejections and notes have no id: they are
// counted, and quarantined, once more. An error for which [IsPermanent] holds will happen again with the same batches; any
// other is worth a retry. The batches are not kept after return.
type Writer interface {
	Write(ctx context.Context, batches ...*Batch) (Receipt, error)
}
