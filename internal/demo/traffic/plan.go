package traffic

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Plan is all traffic of a demo, past and to come.
type Plan struct {
	Seed  uint64
	Users []User
	// Start is midnight UTC of the demo's first day.
	Start time.Time
}

// NewPlan starts a demo on the UTC day of start.
func NewPlan(seed uint64, start time.Time) *Plan {
	return &Plan{Seed: seed, Users: Cast(seed), Start: start.UTC().Truncate(24 * time.Hour)}
}

// Call is one thing that a user does.
type Call struct {
	At     time.Time
	User   int // index of Plan.Users
	Action Action
	// Seed decides the details: amount, agent, address.
	Seed uint64
}

// Dice are for the details of the call.
func (c *Call) Dice() *rand.Rand { return rand.New(rand.NewPCG(c.Seed, uint64(c.User))) }

// Day is the day of the demo that t belongs to, the first being 0.
func (p *Plan) Day(t time.Time) int { return int(math.Floor(t.Sub(p.Start).Hours() / 24)) }

// Rate is the number of calls that a user is expected to make in the hour from t.
func (p *Plan) Rate(user int, t time.Time) float64 {
	u := &p.Users[user]
	days := t.Sub(p.Start).Hours() / 24
	if days < float64(u.JoinDay) {
		return 0
	}
	return u.DailyCalls * u.Shape.share(t.In(u.Location)) * growth(days)
}

// Between lists the calls in [from, to) by time. Adjoining stretches join without gap or overlap.
func (p *Plan) Between(from, to time.Time) []Call {
	var calls []Call
	for hour := from.UTC().Truncate(time.Hour); hour.Before(to); hour = hour.Add(time.Hour) {
		for user := range p.Users {
			for _, c := range p.hour(user, hour) {
				if !c.At.Before(from) && c.At.Before(to) {
					calls = append(calls, c)
				}
			}
		}
	}
	slices.SortFunc(calls, func(a, b Call) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.User, b.User))
	})
	return calls
}

// hour invents the calls of one user in the hour from start. It depends on nothing but its arguments and the plan.
func (p *Plan) hour(user int, start time.Time) []Call {
	dice := p.dice(user, start)
	var calls []Call
	add := func(at time.Time) {
		if at.Before(start.Add(time.Hour)) {
			calls = append(calls, Call{At: at.Truncate(time.Microsecond), User: user, Action: pickAction(dice), Seed: dice.Uint64()})
		}
	}
	// A job of a batch user is some forty calls in two seconds, which meets the API's rate limit.
	perArrival := 1.0
	if p.Users[user].Shape == Batch {
		perArrival = 41
	}
	for range poisson(dice, p.Rate(user, start)/perArrival) {
		at := start.Add(time.Duration(dice.Int64N(int64(time.Hour))))
		add(at)
		if perArrival > 1 {
			for range 20 + dice.IntN(41) {
				at = at.Add(time.Duration(dice.Int64N(int64(80 * time.Millisecond))))
				add(at)
			}
		}
	}
	return calls
}

func (p *Plan) dice(user int, hour time.Time) *rand.Rand {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], p.Seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(user))
	binary.LittleEndian.PutUint64(b[16:], uint64(hour.Unix()))
	h := fnv.New64a()
	h.Write(b[:])
	return rand.New(rand.NewPCG(p.Seed, h.Sum64()))
}

// poisson draws the number of arrivals when mean are expected (Knuth; the means here are small).
func poisson(dice *rand.Rand, mean float64) int {
	limit := math.Exp(-mean)
	n := 0
	for product := dice.Float64(); product > limit; product *= dice.Float64() {
		n++
	}
	return n
}

// Live invents a call of the present, by a user who is likely to be busy now.
func (p *Plan) Live(now time.Time, dice *rand.Rand) Call {
	rates := make([]float64, len(p.Users))
	sum := 0.0
	for i := range rates {
		rates[i] = p.Rate(i, now)
		sum += rates[i]
	}
	user, at := 0, dice.Float64()*sum
	for at -= rates[0]; at > 0 && user < len(rates)-1; at -= rates[user] {
		user++
	}
	return Call{At: now, User: user, Action: pickAction(dice), Seed: dice.Uint64()}
}
