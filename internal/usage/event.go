package usage

import (
	"net/netip"
	"time"
)

// Kind says what an event is. The values are stored; never renumber them.
type Kind int16

const (
	// KindRequest is one API call, seen from one vantage.
	KindRequest Kind = 1
	// KindCustom is a custom event: a log record with an event name, or a CloudEvent.
	KindCustom Kind = 2
	// KindAuthFailure is a call that the platform's own servers answered with 401. It is a request too,
	// and counts as one for the key it names, if that key is known.
	KindAuthFailure Kind = 3
)

// Vantage says who saw a call. The values are stored; never renumber them.
type Vantage int16

const (
	// VantageNone is the vantage of custom events, which are counted whichever side counts requests.
	VantageNone Vantage = 0
	// VantageServer is the platform's middleware.
	VantageServer Vantage = 1
	// VantageClient is the SDK in the customer's program.
	VantageClient Vantage = 2
)

// Event is one usage event.
//
// Strings are valid UTF-8 without NUL and within the limits of this package once they have passed
// [Sanitize]; the empty string means "not known".
type Event struct {
	ID   ID
	Kind Kind
	// Vantage is VantageServer or VantageClient for requests, VantageNone otherwise.
	Vantage Vantage

	// KeyID is the public id ("key_…") of the registered key that the event belongs to; empty when it is
	// nobody's usage, which only admins see.
	KeyID string
	// ReporterID is the public id of the key that the event was sent with, which the ledger is kept for. Empty: KeyID.
	ReporterID string
	// Fingerprint is set instead of KeyID when the platform reported a key that is not registered.
	Fingerprint string
	// Trusted is true when the reporter holds telemetry:write_any. Only trusted payments, agents created and
	// services created are counted; others are kept as claimed.
	Trusted bool

	// Time is when the event happened: UTC, whole microseconds.
	Time time.Time
	// Undated is true when the record had no time of its own and Time is when it was received. Such an
	// event is deduplicated by (key, id) alone.
	Undated bool

	// Method and Route name the endpoint of a request ("GET", "/payments/{id}").
	Method string
	Route  string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Failed is true when the status is 400 or above or the span's status is Error.
	Failed    bool
	ErrorType string
	// Duration is never negative.
	Duration time.Duration
	// ResendCount is 0 for the first attempt of a call.
	ResendCount int

	// Name is the event name of a custom event.
	Name      string
	Operation string
	AgentID   string
	ServiceID string
	// Payment is nil when the event carries none, or none that can be counted.
	Payment *Payment

	SDK       SDK
	UserAgent string
	// Client is the caller's address; the zero Addr when unknown.
	Client netip.Addr
	// Country is an ISO 3166-1 alpha-2 code in capitals.
	Country string

	Claim Claim
	// Attributes are the remaining attributes worth keeping, at most MaxAttributes of them.
	Attributes map[string]string
}

// SDK names the software that made a call.
type SDK struct {
	Name     string
	Version  string
	Language string
}

// Claim is what a caller says of itself. It never moves usage to another account.
type Claim struct {
	Email        string
	Organization string
	// Metadata is what WithUserMetadata gave. Only the last that a key claimed is kept. It may be shared
	// between events and must not be changed.
	Metadata map[string]string
	// Mismatch is true when a claimed e-mail, organisation or environment differs from the key's.
	Mismatch bool
}

// IsRequest reports whether e counts among requests.
func (e *Event) IsRequest() bool { return e.Kind == KindRequest || e.Kind == KindAuthFailure }

// Succeeded reports whether a payment, agent or service that e carries came to be.
func (e *Event) Succeeded() bool { return !e.Failed }
