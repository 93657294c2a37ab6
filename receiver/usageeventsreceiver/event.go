package usageeventsreceiver

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// cloudEvent is an event as it was sent: the context attributes of CloudEvents 1.0, and its data as flat fields.
type cloudEvent struct {
	specVersion, id, source, eventType string
	subject, contentType               string
	time                               time.Time // zero: the event has none
	extensions                         []field
	data                               []field
	dropped                            int // fields beyond maxFields
}

// field is a named value: a string, an int64, a bool, or a number by its literal text as a decimal.
type field struct {
	name  string
	value any
}

// Limits in bytes. Ids and sources are hashed into the event's id, types are stored as names.
const (
	maxName    = usage.MaxName
	maxID      = 256
	maxSource  = 1024
	maxSubject = usage.MaxAttribute
	// maxFields is how many fields of data are read, maxExtensions how many extensions. An event keeps
	// usage.MaxAttributes of them; the rest is counted.
	maxFields     = 256
	maxExtensions = 32
)

// set stores a context attribute.
func (e *cloudEvent) set(name, value string) error {
	switch name {
	case "specversion":
		e.specVersion = value
	case "id":
		e.id = value
	case "source":
		e.source = value
	case "type":
		e.eventType = value
	case "subject":
		e.subject = value
	case "datacontenttype":
		e.contentType = value
	case "dataschema":
	case "time":
		return e.setTime(value)
	default:
		if !isExtensionName(name) {
			return fmt.Errorf("%q is no attribute name: lower-case letters and digits only", cut(name, maxName))
		}
		if len(e.extensions) < maxExtensions {
			e.extensions = append(e.extensions, field{name, value})
		} else {
			e.dropped++
		}
	}
	return nil
}

// latestTime is the last moment that OTLP's nanoseconds hold and Go's int64 as well.
var latestTime = time.Unix(0, 1<<63-1)

func (e *cloudEvent) setTime(value string) error {
	// RFC 3339 allows "t" and "z"; Go does not.
	if err := e.time.UnmarshalText([]byte(strings.ToUpper(value))); err != nil {
		return errors.New("time is not RFC 3339 such as 2026-11-24T08:30:00Z")
	}
	if e.time.Unix() <= 0 || e.time.After(latestTime) {
		return errors.New("time lies outside the years 1970 to 2262")
	}
	return nil
}

func isExtensionName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// check says everything that is wrong with an event.
func (e *cloudEvent) check() error {
	var errs error
	refuse := func(format string, args ...any) { errs = errors.Join(errs, fmt.Errorf(format, args...)) }
	if e.specVersion != "1.0" {
		refuse("specversion must be 1.0")
	}
	for _, required := range []struct {
		name, value string
		max         int
	}{{"id", e.id, maxID}, {"source", e.source, maxSource}, {"type", e.eventType, maxName}} {
		switch {
		case required.value == "":
			refuse("%s is missing", required.name)
		case len(required.value) > required.max:
			refuse("%s is longer than %d bytes", required.name, required.max)
		case !isPlain(required.value):
			refuse("%s has characters that are not allowed", required.name)
		}
	}
	if _, err := url.Parse(e.source); err != nil {
		refuse("source is no URI reference")
	}
	if len(e.subject) > maxSubject {
		refuse("subject is longer than %d bytes", maxSubject)
	}
	return errors.Join(errs, e.checkKnown())
}

// isPlain reports whether s is UTF-8 without control characters (CloudEvents 1.0.2, type system, String).
func isPlain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
