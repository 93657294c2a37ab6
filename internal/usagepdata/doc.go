// Package usagepdata turns OpenTelemetry data into usage, in one place: spans, log records and data points in,
// a [usage.Batch] out.
//
// It trusts only what the api_key processor stamped (usageconv.StampReporter and its siblings): a record belongs to
// the key that it was sent with, and to another key only when the sender's key may report for any. Every record
// ends as exactly one event, one total or one counted rejection, so that Batch.Len equals the number of records
// that came in. What is wrong with one record never touches another.
//
// Strings of the batch are those of the pdata that they were read from, or copies of what packed spans have, one for many that are equal, or copies where a short
// one was cut out of a long one. So the pdata may be emptied at once, and what a batch keeps in memory is what its events say.
package usagepdata

import (
	"time"

	"github.com/disco-platform/mirrorball/internal/packed"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Options of a conversion.
type Options struct {
	// Window is which event times are accepted, seen from Now.
	Window usage.Window
	// Now is the time of receipt; events without a time of their own get it.
	Now time.Time
	// Packed has the spans that carriers stand for; nil when there are none.
	Packed *packed.Request
}
