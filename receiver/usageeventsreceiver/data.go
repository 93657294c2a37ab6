package usageeventsreceiver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// discoPrefix may be left out in data: payment.amount is disco.payment.amount.
const discoPrefix = "disco."

// discoFields are the names that get the prefix when they come without it.
var discoFields = func() map[string]bool {
	set := make(map[string]bool)
	for _, name := range []string{
		usageconv.APIKeyFingerprint, usageconv.OrganizationName, usageconv.Environment,
		usageconv.SDKName, usageconv.SDKVersion, usageconv.SDKLanguage,
		usageconv.Operation, usageconv.AgentID, usageconv.ServiceID,
		usageconv.PaymentAmount, usageconv.PaymentFee, usageconv.PaymentCurrency,
	} {
		set[strings.TrimPrefix(name, discoPrefix)] = true
	}
	return set
}()

func attributeName(name string) string {
	if discoFields[name] || strings.HasPrefix(name, strings.TrimPrefix(usageconv.UserMetadataPrefix, discoPrefix)) {
		return discoPrefix + name
	}
	return name
}

// readData reads data that came as bytes: JSON and text become fields; other types are not kept, as they could not be
// shown.
func (e *cloudEvent) readData(raw []byte) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	media, _, err := mime.ParseMediaType(e.contentType)
	if err != nil && e.contentType != "" {
		return errors.New("datacontenttype is no media type")
	}
	switch {
	case isJSON(media):
		if err := checkJSON(raw); err != nil {
			return fmt.Errorf("data: %w", err)
		}
		return e.flatten(raw)
	case strings.HasPrefix(media, "text/"):
		if !utf8.Valid(raw) {
			return errors.New("data is not UTF-8")
		}
		e.data = []field{{"data", cut(string(raw), usage.MaxAttribute)}}
	default:
		e.dropped++
	}
	return nil
}

// isJSON follows the JSON format, section 3.1: without a media type data is JSON.
func isJSON(media string) bool {
	return media == "" || media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// flatten makes fields of a JSON value: {"payment": {"amount": 1}} and {"payment.amount": 1} are the same. Arrays are
// kept as JSON text. raw is valid JSON, at most maxDepth deep.
func (e *cloudEvent) flatten(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // amounts must not pass through a float
	var value any
	if err := dec.Decode(&value); err != nil {
		return errNotJSON
	}
	object, ok := value.(map[string]any)
	if !ok {
		object = map[string]any{"data": value}
	}
	f := flattener{event: e, seen: make(map[string]bool)}
	f.object("", object)
	return f.errs
}

type flattener struct {
	event *cloudEvent
	seen  map[string]bool
	errs  error
}

// object walks in the order of names, so that the same event always keeps the same fields.
func (f *flattener) object(prefix string, object map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		full := cut(prefix+name, 2*maxName)
		switch v := object[name].(type) {
		case nil:
		case map[string]any:
			f.object(full+".", v)
		case json.Number:
			f.add(full, number(v))
		case string:
			f.add(full, cut(v, usage.MaxAttribute))
		case bool:
			f.add(full, v)
		default:
			text, err := json.Marshal(v)
			if err == nil {
				f.add(full, cut(string(text), usage.MaxAttribute))
			}
		}
	}
}

func (f *flattener) add(name string, value any) {
	if name == "" {
		return
	}
	name = attributeName(name)
	if f.seen[name] {
		f.errs = errors.Join(f.errs, fmt.Errorf("data names %s twice", cut(name, maxName)))
		return
	}
	if len(f.event.data) >= maxFields {
		f.event.dropped++
		return
	}
	f.seen[name] = true
	f.event.data = append(f.event.data, field{name, value})
}

// number keeps whole numbers as such and everything else by its literal text.
func number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	return cut(n.String(), usage.MaxAttribute)
}

// text is a field's value as a string; false when the field is absent.
func (e *cloudEvent) text(name string) (string, bool) {
	for _, f := range e.data {
		if f.name == name {
			return fmt.Sprint(f.value), true
		}
	}
	return "", false
}
