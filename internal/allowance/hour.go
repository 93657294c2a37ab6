package allowance

import "time"

const (
	// idleAfter is how long a piece is kept that nobody uses.
	idleAfter = 3 * time.Second
	// exhaustedFor is how long it is believed that too little is left: others may give some back.
	exhaustedFor = time.Second
	// liftedFor is how long it is believed that there is no limit any more, while a key still comes with one.
	liftedFor = time.Second
)

// hour is the limit of an hour as far as it is known here.
type hour struct {
	piece Piece         // in hand
	limit int64         // 0: none any more
	left  int64         // in the store, for everybody
	asked time.Duration // when that was asked for
	named int64         // the limit that the key came with then: when it comes with another, the store is asked again
	until time.Duration // from then on the piece is void
	used  time.Duration // when something was last taken from the piece
}

// knows reports whether what is known holds for a call.
func (h *hour) knows(c *call, now time.Duration) bool {
	return now < h.until && h.named == c.limits.PerHour
}

// fits reports whether a call may be granted; when that is not known, a piece has to be asked for.
func (h *hour) fits(c *call, now time.Duration) (fits, known bool) {
	switch {
	case !h.knows(c, now):
		return false, false
	case h.limit == 0 || c.n <= h.piece.Requests:
		return true, true
	case c.n > h.piece.Requests+h.left && (h.asked >= c.began || now-h.asked < exhaustedFor):
		return false, true
	}
	return false, false
}

func (h *hour) take(n int64, now time.Duration) {
	h.used = now
	if h.limit > 0 {
		h.piece.Requests -= n
	}
}

// need is what a call needs beyond what is in hand.
func (h *hour) need(c *call, now time.Duration) int64 {
	if !h.knows(c, now) {
		return c.n
	}
	return max(1, c.n-h.piece.Requests)
}

// learn adds a leased piece to what is in hand, which is void if it is of another hour. The hour is taken to end by as much
// too early as the question took: a piece is never used after its hour, by the store's clock.
func (h *hour) learn(l *Lease, named int64, asked, answered time.Duration) {
	inHand := int64(0)
	if h.piece.Hour.Equal(l.Hour) {
		inHand = h.piece.Requests
	}
	h.piece, h.limit, h.left = l.Piece, l.Limit, l.Left
	h.piece.Requests += inHand
	h.asked, h.named, h.used = asked, named, answered
	h.until = asked + l.Hour.Add(time.Hour).Sub(l.Now)
	if l.Limit == 0 {
		h.until = asked + liftedFor
	}
}

// surrender takes what is in hand away, if it has not been used for some time.
func (h *hour) surrender(now, idle time.Duration) (p Piece) {
	if now-h.used >= idle {
		p, h.piece.Requests = h.piece, 0
	}
	return p
}

func (h *hour) meter() *Meter {
	if h.limit == 0 {
		return nil
	}
	return &Meter{Limit: h.limit, Remaining: h.piece.Requests + h.left, ResetsAt: h.piece.Hour.Add(time.Hour).UTC()}
}
