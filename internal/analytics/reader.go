package analytics

import (
	"context"
	"errors"
	"time"
)

// Reader answers questions about usage. Answers are counted from statistics of one moment: the numbers of one
// answer agree with each other, also while usage is being written.
type Reader interface {
	// Usage counts the usage of some keys. Keys without usage give an answer of zeroes, not an error; a subject
	// that does not exist gives ErrNoSubject, a window that cuts what is kept of old statistics a *ParameterError ([Kept]).
	Usage(ctx context.Context, q UsageQuestion) (*Usage, error)
	// Platform counts the usage of all users of an environment, with the same errors.
	Platform(ctx context.Context, q PlatformQuestion) (*Platform, error)
}

// Subject says whose usage is asked for: that of one key, of the keys of a user or an organisation, or, when all
// three are empty, of everybody's keys except those of the platform itself.
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
	Subject Subject
	Window  Window
	// Top bounds the rows of each list that is not a time series; the rest is left out. At least 1.
	Top int
}

// PlatformQuestion asks for the usage of everybody.
type PlatformQuestion struct {
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
