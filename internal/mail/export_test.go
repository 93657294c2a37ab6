package mail

import "time"

// RetryAfter replaces the time between attempts.
func (o *Outbox) RetryAfter(d time.Duration) { o.retry = d }

// MaxWaiting is how many messages wait at most.
const MaxWaiting = maxWaiting

// GiveUpAfter replaces the time that a server has to answer.
func (o *Outbox) GiveUpAfter(d time.Duration) { o.line.timeout = d }
