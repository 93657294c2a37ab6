package usage

import "time"

// Window is the span of event times that is accepted at a moment of receipt.
type Window struct {
	// Past is how far back an event may lie; Future how far ahead, for clocks that run fast.
	Past, Future time.Duration
}

// DefaultWindow accepts 90 days back and one hour ahead.
var DefaultWindow = Window{Past: 90 * 24 * time.Hour, Future: time.Hour}

// Check returns "" for an accepted time, else ReasonTooOld or ReasonInFuture. Both ends are accepted.
func (w Window) Check(event, received time.Time) Reason {
	switch {
	case event.Before(received.Add(-w.Past)):
		return ReasonTooOld
	case event.After(received.Add(w.Future)):
		return ReasonInFuture
	}
	return ""
}

// BucketWidth is the width of a statistics bucket. All offsets of IANA zones in use since 1972 are multiples
// of it, so a local day is a whole number of buckets.
const BucketWidth = 15 * time.Minute

// Bucket is the start of the bucket that t counts in.
func Bucket(t time.Time) time.Time { return t.UTC().Truncate(BucketWidth) }
