package analytics

import (
	"context"
	"errors"
	"time"

	"github.com/disco-platform/mirrorball/internal/access"
)

// Reader answers questions about usage. Answers are counted from statistics of one moment: the numbers of one
// answer agree with each other, also while usage is being written.
type Reader interface {
	// Usage counts the usage of some keys. Keys without usage give an answer of zeroes, not an error; a subject
	// that does not exist gives ErrNoSubject, a window that cuts what is kept of old statistics a *ParameterError ([Kept]).
	Usage(ctx context.Context, q UsageQuestion) (*Usage, error)
	// Platform counts the usage of all users of an environment, with the same errors.
	Platform(ctx context.Context, q PlatformQuestion) (*Platform, error)
	// KeyUse counts the requests of keys by their ids; keys that the asker does not see are not in the answer.
	KeyUse(ctx context.Context, q KeyUseQuestion) (map[string]KeyUse, error)
}

// Subject says whose usage is asked for: that of one key, of the keys of a user or an organisation, or, when all
// three are empty, of all that the asker sees; who sees everything then asks for everybody's keys except those of the
// platform itself.
type Subject struct {
	KeyID          string
	UserID         string
	OrganizationID string
	// Environment is "sandbox" or "live": keys of the other one are left out. A single key is always of its own
	// environment.
	Environment string
}

// Everybody reports whether no key, user or organisation is named.
func (s Subject) Everybody() bool { return s.KeyID == "" && s.UserID == "" && s.OrganizationID == "" }

// UsageQuestion asks for the usage of a subject in a window.
type UsageQuestion struct {
	// By is who asks: a subject that it does not see does not exist for it.
	By      access.Actor
	Subject Subject
	Window  Window
	// Top bounds the rows of each list that is not a time series; the rest is left out. At least 1.
	Top int
}

// PlatformQuestion asks for the usage of everybody, which By must see.
type PlatformQuestion struct {
	By          access.Actor
	Environment string
	Window      Window
	// ActiveSince is when a user must have been seen last to be called active.
	ActiveSince time.Time
	Top         int
}

// ErrUnavailable is returned while the statistics cannot be read, such as when the database is away; a later try may
// succeed.
var ErrUnavailable = errors.New("usage cannot be read at the moment")

// ErrNoSubject is returned when there is no such user, organisation or key.
var ErrNoSubject = errors.New("no such user, organisation or key")

// KeyUseQuestion asks what some keys were used for.
type KeyUseQuestion struct {
	By     access.Actor
	KeyIDs []string
	// Month is a time within the UTC calendar month that is counted apart.
	Month time.Time
}

// KeyUse counts the requests of a key.
type KeyUse struct {
	Requests, RequestsThisMonth int64
}
