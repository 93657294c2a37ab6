package packed

import (
	"errors"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Request is what a body had that was packed. It is good until it is closed, which its receiver does when it has answered.
type Request struct {
	Resources []*Resource

	names names

	mu     sync.RWMutex
	parsed *parsed // nil once it is closed
}

// Resource has what was found in the spans of one resource, and what the api_key processor knows of it.
type Resource struct {
	// Fingerprints and Addresses are those that the spans name, each once.
	Fingerprints, Addresses []string
	// Owners has the identity behind each fingerprint that is a registered key's, and under "" that behind the key which the
	// resource names; Countries has the country of each address that is known to be in one.
	Owners    map[string]*apikey.Identity
	Countries map[string]string

	first, end int // of its spans, in parsed.spans
}

// Spans is how many there are.
func (r *Resource) Spans() int { return r.end - r.first }

// Spans is how many there are in all.
func (r *Request) Spans() (n int) {
	for _, resource := range r.Resources {
		n += resource.Spans()
	}
	return n
}

// parsed is the memory of a request that is used again. But for the texts it has no pointers, so that it is little to a garbage collector.
type parsed struct {
	body       []byte
	spans      []Span
	attributes []Attribute
	texts      texts
}

// Span is a span as it came.
type Span struct {
	TraceID    [16]byte
	SpanID     [8]byte
	Start, End uint64 // nanoseconds since 1970
	Kind       ptrace.SpanKind
	Status     ptrace.StatusCode

	attributes, raw piece // in parsed.attributes, and in the body
}

// Attribute is a name with a string, a number or a boolean.
type Attribute struct {
	Bits uint64 // an integer; a double, as IEEE 754 has it; not 0 for true; of a string the number of its text
	Name uint16 // for Request.Name
	Type ValueType
}

// ValueType is the type of an attribute.
type ValueType uint8

const (
	String ValueType = iota
	Bool
	Int
	Double
)

// piece is a part of something, from the first up to the end.
type piece struct{ first, end uint32 }

var errClosed = errors.New("packed spans are asked for after their request was answered, or without it: nothing but memory_limiter and api_key may stand between the receiver and this exporter")

// Reading is a request while it is read.
type Reading struct{ *parsed }

// Each visits the spans of a resource. They are valid until visit returns.
func (r *Request) Each(resource *Resource, visit func(Reading, *Span)) error {
	if r == nil {
		return errClosed
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.parsed == nil {
		return errClosed
	}
	in := Reading{r.parsed}
	for i := resource.first; i < resource.end; i++ {
		visit(in, &r.parsed.spans[i])
	}
	return nil
}

// Attributes are those of a span.
func (r Reading) Attributes(s *Span) []Attribute {
	return r.attributes[s.attributes.first:s.attributes.end]
}

// Names is how many names the request has; those of attributes are below it.
func (r *Request) Names() int { return len(r.names.all) }

// Name is the name of a number.
func (r *Request) Name(number uint16) string { return r.names.all[number].name }

// Text is the value of an attribute that is a string. It is valid until the request is closed; its string stays.
func (r Reading) Text(a *Attribute) *Text { return &r.texts.all[a.Bits] }

// Decode is a span as pdata.
func (r Reading) Decode(s *Span) (ptrace.Span, error) {
	return decode(r.body[s.raw.first:s.raw.end])
}

// Close gives the memory back. Nothing can be read after it.
func (r *Request) Close() {
	r.mu.Lock()
	p := r.parsed
	r.parsed = nil
	r.mu.Unlock()
	if p != nil {
		p.release()
	}
}

var unused = sync.Pool{New: func() any { return new(parsed) }}

const (
	// maxKeptSpans is the most spans whose memory is kept for requests to come.
	maxKeptSpans = 2048
	// maxKeptBody is the largest body whose memory is kept: that of some 1,800 spans.
	maxKeptBody = 1 << 20
)

func (p *parsed) release() {
	if cap(p.spans) > maxKeptSpans || cap(p.attributes) > 32*maxKeptSpans || cap(p.texts.all) > 8*maxKeptSpans || cap(p.body) > maxKeptBody {
		return
	}
	p.body, p.spans, p.attributes = p.body[:0], p.spans[:0], p.attributes[:0]
	p.texts.forget()
	unused.Put(p)
}
