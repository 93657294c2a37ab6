package usageeventsreceiver

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Media types of the JSON event format and the JSON batch format (CloudEvents 1.0.2).
const (
	mediaStructured = "application/cloudevents+json"
	mediaBatch      = "application/cloudevents-batch+json"
	acceptPost      = mediaStructured + ", " + mediaBatch
)

const (
	// maxEvents bounds a batch, and with it the length of an answer.
	maxEvents = 1000
	// maxDepth bounds the nesting of JSON. Data deeper than that is no usage.
	maxDepth = 32
)

var (
	errTooMany = fmt.Errorf("a batch may hold %d events", maxEvents)
	errTooDeep = fmt.Errorf("JSON is nested more than %d deep", maxDepth)
	errNotJSON = errors.New("the body is not JSON")
)

// decoded is what a request held: events that passed all checks, and those that did not.
type decoded struct {
	events   []cloudEvent
	rejected []rejection
}

func (d *decoded) add(index int, e cloudEvent, err error) {
	if err == nil {
		err = e.check()
	}
	if err != nil {
		d.rejected = append(d.rejected, rejection{Index: index, ID: cut(e.id, maxID), Reason: err.Error()})
		return
	}
	d.events = append(d.events, e)
}

// decoder reads a request in one of the content modes of the CloudEvents HTTP binding. It fails only when the request
// as a whole makes no sense.
type decoder func(header http.Header, body []byte) (decoded, error)

// decoderFor is nil for what is no CloudEvent, or is one in a format that is not taken.
func decoderFor(header http.Header) decoder {
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if charset := params["charset"]; err == nil && charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil
	}
	switch {
	case media == mediaStructured:
		return decodeStructured
	case media == mediaBatch:
		return decodeBatch
	case strings.HasPrefix(media, "application/cloudevents"): // Avro, Protobuf, XML
		return nil
	case len(header["Ce-Specversion"]) > 0:
		return decodeBinary
	}
	return nil
}

func decodeStructured(_ http.Header, body []byte) (decoded, error) {
	var d decoded
	if err := checkJSON(body); err != nil {
		return d, err
	}
	e, err := eventFromJSON(body)
	d.add(0, e, err)
	return d, nil
}

func decodeBatch(_ http.Header, body []byte) (decoded, error) {
	var d decoded
	if err := checkJSON(body); err != nil {
		return d, err
	}
	var raw []json.RawMessage
	if json.Unmarshal(body, &raw) != nil || raw == nil {
		return d, errors.New("a batch is a JSON array of events")
	}
	if len(raw) > maxEvents {
		return d, errTooMany
	}
	for i := range raw {
		e, err := eventFromJSON(raw[i])
		d.add(i, e, err)
	}
	return d, nil
}

// decodeBinary reads an event whose context is in headers and whose data is the body.
func decodeBinary(header http.Header, body []byte) (decoded, error) {
	var d decoded
	e, err := eventFromHeader(header)
	if err == nil {
		err = e.readData(body)
	}
	d.add(0, e, err)
	return d, nil
}

// checkJSON refuses what is not one JSON value, or nested too deep, before anything is built from it.
func checkJSON(body []byte) error {
	if depth(body) > maxDepth {
		return errTooDeep
	}
	if !json.Valid(body) {
		return errNotJSON
	}
	return nil
}

// depth is the deepest nesting of brackets outside of strings; it needs no valid JSON and no stack.
func depth(body []byte) int {
	var now, deepest int
	inString := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// eventFromJSON reads an event of the JSON format. raw is valid JSON.
func eventFromJSON(raw []byte) (cloudEvent, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return cloudEvent{}, errors.New("an event is a JSON object")
	}
	var e cloudEvent
	var errs error
	var data, data64 json.RawMessage
	for name, value := range members {
		switch name {
		case "data":
			data = value
			continue
		case "data_base64":
			data64 = value
			continue
		}
		if bytes.Equal(value, []byte("null")) {
			continue // the same as absent (JSON format, section 2.2)
		}
		text, err := attributeText(value)
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s %w", cut(name, maxName), err))
			continue
		}
		errs = errors.Join(errs, e.set(name, text))
	}
	if errs != nil {
		return e, errs
	}
	return e, e.readJSONData(data, data64)
}

// attributeText is the text of a context attribute: a string, or an extension's number or boolean.
func attributeText(value json.RawMessage) (string, error) {
	var s string
	switch value[0] {
	case '"':
		err := json.Unmarshal(value, &s)
		return s, err
	case '{', '[':
		return "", errors.New("must be a string, a number or a boolean")
	}
	return string(value), nil
}

// readJSONData reads the data member of the JSON format, or data_base64.
func (e *cloudEvent) readJSONData(data, data64 json.RawMessage) error {
	switch {
	case data != nil && data64 != nil:
		return errors.New("data and data_base64 cannot both be given")
	case data64 != nil:
		var s string
		if json.Unmarshal(data64, &s) != nil {
			return errors.New("data_base64 must be a string")
		}
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return errors.New("data_base64 is not Base64")
		}
		return e.readData(raw)
	case data != nil:
		return e.flatten(data)
	}
	return nil
}

const headerPrefix = "Ce-"

// eventFromHeader reads the context attributes of binary mode.
func eventFromHeader(header http.Header) (cloudEvent, error) {
	var e cloudEvent
	var errs error
	for name, values := range header {
		attribute, ok := strings.CutPrefix(name, headerPrefix)
		if !ok {
			continue
		}
		attribute = strings.ToLower(attribute)
		if len(values) != 1 {
			errs = errors.Join(errs, fmt.Errorf("header ce-%s is given twice", cut(attribute, maxName)))
			continue
		}
		value, err := headerText(values[0])
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("header ce-%s %w", cut(attribute, maxName), err))
			continue
		}
		errs = errors.Join(errs, e.set(attribute, value))
	}
	return e, errors.Join(errs, e.set("datacontenttype", header.Get("Content-Type")))
}

// headerText undoes the percent-encoding of binary mode (HTTP binding, section 3.1.3.2).
func headerText(s string) (string, error) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
	}
	decoded, err := url.PathUnescape(s)
	if err != nil {
		return "", errors.New("has a % that is no percent-encoding")
	}
	return decoded, nil
}

func cut(s string, max int) string {
	if len(s) > max {
		return strings.ToValidUTF8(s[:max], "")
	}
	return s
}
