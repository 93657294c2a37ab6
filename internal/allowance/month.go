package allowance

import (
	"math"
	"time"
)

const (
	// countFor is how long a count is believed while the quota's end is far.
	countFor = 10 * time.Second
	// countNearFor is how long it is believed near the end: when a part of what remains may be used up by then.
	countNearFor = time.Second
	nearPart     = 8
	// countSpentFor is how long it is believed that the quota is used up.
	countSpentFor = 100 * time.Millisecond
	// countAwayFor is how long it is believed while the store does not answer.
	countAwayFor = 5 * time.Second
)

// month is the quota of a month as far as it is known here.
type month struct {
	used    int64         // committed, when that was asked for
	granted int64         // here since
	asked   time.Duration // when used was asked for
	pace    float64       // requests a second of all, between the last two answers
	resets  time.Time
	until   time.Duration // the end of the month; 0: nothing is known
	// grantedSince counts from the last question on, which may not have been answered.
	grantedSince int64
}

// fits reports whether a call may be granted; when that is not known, what is used has to be asked for.
func (m *month) fits(c *call, now time.Duration) (fits, known bool) {
	age := now - m.asked
	fits = c.n <= m.remaining(c.limits.PerMonth)
	switch {
	case now >= m.until:
		return false, false
	case c.stale:
		return fits, age < countAwayFor
	case m.asked >= c.began:
		return fits, true
	case fits:
		return true, !m.due(c.limits.PerMonth, age)
	}
	return false, age < countSpentFor
}

// due reports whether a count has to be refreshed before more is granted: what others used since, and what was granted
// here, may have become a good part of what remains.
func (m *month) due(quota int64, age time.Duration) bool {
	if age < countNearFor {
		return false
	}
	likely := max(float64(m.granted), m.pace*age.Seconds())
	return age >= countFor || nearPart*likely > float64(m.remaining(quota))
}

func (m *month) remaining(quota int64) int64 { return max(0, quota-m.used-m.granted) }

func (m *month) take(n int64) {
	m.granted += n
	m.grantedSince += n
}

// learn takes a count over. Like an hour, the month ends too early rather than too late.
func (m *month) learn(u *Usage, asked time.Duration) {
	resets, pace := u.Month.UTC().AddDate(0, 1, 0), math.Inf(1)
	if resets.Equal(m.resets) && asked > m.asked {
		pace = float64(u.Requests-m.used) / (asked - m.asked).Seconds()
	}
	*m = month{
		used: u.Requests, granted: m.grantedSince, grantedSince: m.grantedSince, pace: pace,
		resets: resets, asked: asked, until: asked + resets.Sub(u.Now),
	}
}

func (m *month) meter(quota int64) *Meter {
	return &Meter{Limit: quota, Remaining: m.remaining(quota), ResetsAt: m.resets}
}
