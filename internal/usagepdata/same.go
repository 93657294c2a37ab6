package usagepdata

import (
	"hash/maphash"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// same hands out one string for many that are equal. The strings of decoded telemetry are copies, each of its own, and the events of
// a request have few different values: what waits in the queue is smaller, and the garbage collector has less to mark. It
// forgets a value for another that falls into its place.
type same [sameSize]string

const (
	sameSize = 256
	// longestSame bounds what is worth looking at. Longer values are rare, and differ.
	longestSame = 128
)

var sameSeed = maphash.MakeSeed()

func (t *same) of(s string) string {
	if s == "" || len(s) > longestSame {
		return s
	}
	place := &t[maphash.String(sameSeed, s)%sameSize]
	if *place != s {
		*place = s
	}
	return *place
}

// share makes the values of an event those of others.
func (t *same) share(e *usage.Event) {
	for _, s := range [...]*string{
		&e.Method, &e.Route, &e.ErrorType, &e.Name, &e.Operation, &e.ServiceID, &e.SDK.Name, &e.SDK.Version, &e.SDK.Language,
		&e.UserAgent, &e.Country, &e.Claim.Email, &e.Claim.Organization,
	} {
		*s = t.of(*s)
	}
}
