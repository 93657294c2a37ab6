package allowance

import (
	"sync"
	"time"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// account is what this collector knows of one allowance.
type account struct {
	id    int32
	mu    sync.Mutex
	hour  hour
	month month
	// What the store is being asked, if anything.
	asking [usage + 1]*question
}

// call is what Take was asked.
type call struct {
	limits apikey.Allowance
	n      int64
	began  time.Duration // what was asked since is fresh, however long the answer took
	stale  bool          // the store did not say what is used; what it said before will do
}

// missing is what has to be asked before a call can be decided.
type missing int

const (
	nothing missing = iota
	piece           // of the hour's limit
	usage           // of the month
)

// decide grants a call or refuses it, unless something is missing. What it grants it takes from both limits, or from none.
func (a *account) decide(c *call, now time.Duration) (Decision, missing) {
	quota, limit := c.limits.PerMonth > 0, c.limits.PerHour > 0
	var d Decision
	if quota {
		fits, known := a.month.fits(c, now)
		if !known {
			return d, usage
		}
		if !fits {
			d = Decision{Refused: apikey.RefusedOverQuota, Month: a.month.meter(c.limits.PerMonth)}
			if limit && a.hour.knows(c, now) {
				d.Hour = a.hour.meter()
			}
			return d, nothing
		}
	}
	if limit {
		fits, known := a.hour.fits(c, now)
		if !known {
			return d, piece
		}
		if !fits {
			d.Refused = apikey.RefusedRateLimited
		}
	}
	if d.Refused == "" {
		a.take(c, now)
	}
	if quota {
		d.Month = a.month.meter(c.limits.PerMonth)
	}
	if limit {
		d.Hour = a.hour.meter()
	}
	return d, nothing
}

func (a *account) take(c *call, now time.Duration) {
	if c.limits.PerMonth > 0 {
		a.month.take(c.n)
	}
	if c.limits.PerHour > 0 {
		a.hour.take(c.n, now)
	}
}
