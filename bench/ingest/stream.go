package main

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// customersPerRequest is how many customers the calls of one request belong to, taking turns. The 16 requests of a
// batch of 8192 then name some 160 customers.
const customersPerRequest = 10

// numberOfTemplates makes 15,360 distinct calls, and three places for each profile.
const numberOfTemplates = 3 * profiles / customersPerRequest

// customer is a registered key with what its owner says of itself. Lengths are the same for all.
type customer struct {
	fingerprint  string // 64 hex digits
	email        string
	organization string
	key          string
	id           string // of the key
}

// stream is the sequence of all events, any of which can be made at any time: the load generator and the plain rows take
// the same ones from it. Events are numbered in order of time.
type stream struct {
	customers []customer
	templates []*template
	origin    time.Time // of the first event
	seed      uint64
}

// event is what differs between two events with the same call.
type event struct {
	time     time.Time
	trace    [16]byte
	span     [8]byte
	customer int
	call     *call
	profile  *profile
}

// newStream ends its history, of some number of requests, now.
func newStream(customers []customer, history int, now time.Time) (*stream, error) {
	dice := rand.New(rand.NewPCG(20, 26))
	var kinds [profiles]profile
	for i := range kinds {
		kinds[i] = makeProfile(dice)
	}
	s := &stream{
		customers: customers,
		origin:    now.Add(-time.Duration(history*spansPerRequest) * step).Truncate(time.Microsecond),
		seed:      uint64(now.UnixNano()),
	}
	for i := range numberOfTemplates {
		t := &template{}
		for c := range t.profiles {
			n := (i*customersPerRequest + c) % profiles
			t.kind[c], t.profiles[c] = n, kinds[n]
		}
		for j := range t.calls {
			t.calls[j] = makeCall(dice)
		}
		if err := t.encode(); err != nil {
			return nil, err
		}
		s.templates = append(s.templates, t)
	}
	return s, nil
}

func (s *stream) template(request int) *template { return s.templates[request%len(s.templates)] }

// event makes the j-th event of a request.
func (s *stream) event(request, j int) event {
	n := uint64(request*spansPerRequest + j)
	t := s.template(request)
	turn := j % customersPerRequest
	e := event{
		time:     s.origin.Add(time.Duration(n) * step),
		customer: s.customerOf(request, turn),
		call:     &t.calls[j],
		profile:  &t.profiles[turn],
	}
	binary.LittleEndian.PutUint64(e.trace[:8], mix(s.seed+3*n))
	binary.LittleEndian.PutUint64(e.trace[8:], mix(s.seed+3*n+1))
	binary.LittleEndian.PutUint64(e.span[:], mix(s.seed+3*n+2))
	return e
}

// customerOf picks, for a turn of a request, a customer of the kind that the template has there.
func (s *stream) customerOf(request, turn int) int {
	kind := s.template(request).kind[turn]
	ofKind := (len(s.customers)-1-kind)/profiles + 1
	return kind + profiles*int(mix(uint64(request*customersPerRequest+turn))%uint64(ofKind))
}

// mix scatters numbers over all 64 bits, one to one (splitmix64, Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
