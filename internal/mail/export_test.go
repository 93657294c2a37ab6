package mail

import "time"

// RetryAfter replaces the time between attempts.
func (o *Outbox) RetryAfter(d time.Duration) { o.retry = d }

// MaxWaiting is how many messages wait at most.
const MaxWaiting = maxWaiting
