package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/disco-platform/mirrorball/internal/demo/traffic"
)

// summary prints where everything is, and one customer's answer.
func (d *demo) summary(ctx context.Context) error {
	user, a := d.showcase()
	answer, err := d.mirrorball.get(ctx, "/analytics/usage", a.Key)
	if err != nil {
		return err
	}
	short, err := shorten(answer)
	if err != nil {
		return fmt.Errorf("cannot read the usage of %s: %w", user.Email, err)
	}
	d.say("")
	d.say("API            %s   (OpenAPI at /openapi.json)", d.mirrorball.api)
	d.say("Admin key      %s   (%s)", d.adminKey, filepath.Join(d.opts.Data, "admin.key"))
	d.say("Customer       %s, %s", user.Email, user.Organization)
	d.say("Customer's key %s", a.Key)
	d.say("Disco API      %s   (what the customers call)", d.platform.url)
	d.say("")
	d.say("curl -H 'Authorization: Bearer %s' '%s/analytics/usage'", a.Key, d.mirrorball.api)
	d.say("%s", short)
	d.say("")
	d.say("curl -H 'Authorization: Bearer %s' '%s/analytics/platform'", d.adminKey, d.mirrorball.api)
	d.say("")
	return nil
}

// showcase is the customer with the most calls among those with a live key.
func (d *demo) showcase() (*traffic.User, *account) {
	var best *traffic.User
	for i := range d.plan.Users {
		u := &d.plan.Users[i]
		if u.Environment == "live" && (best == nil || u.DailyCalls > best.DailyCalls) {
			best = u
		}
	}
	return best, d.state.Accounts[best.Email]
}

// shownElements is how many elements of an array shorten keeps.
const shownElements = 2

// shorten indents JSON and cuts its arrays; the order of the fields and the digits of the numbers stay as they are.
func shorten(text []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var b strings.Builder
	if err := shortenValue(d, &b, ""); err != nil {
		return "", err
	}
	return b.String(), nil
}

func shortenValue(d *json.Decoder, b *strings.Builder, indent string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return shortenObject(d, b, indent)
	case json.Delim('['):
		return shortenArray(d, b, indent)
	}
	scalar, err := json.Marshal(token)
	b.Write(scalar)
	return err
}

func shortenObject(d *json.Decoder, b *strings.Builder, indent string) error {
	b.WriteByte('{')
	n := 0
	for ; d.More(); n++ {
		name, err := d.Token()
		if err != nil {
			return err
		}
		separate(b, n, indent)
		fmt.Fprintf(b, "%q: ", name)
		if err := shortenValue(d, b, indent+"  "); err != nil {
			return err
		}
	}
	return closeWith(d, b, '}', indent, n)
}

func shortenArray(d *json.Decoder, b *strings.Builder, indent string) error {
	b.WriteByte('[')
	n := 0
	for ; d.More(); n++ {
		var element json.RawMessage
		if err := d.Decode(&element); err != nil {
			return err
		}
		if n >= shownElements {
			continue
		}
		separate(b, n, indent)
		var line bytes.Buffer
		if err := json.Compact(&line, element); err != nil {
			return err
		}
		b.Write(line.Bytes())
	}
	if more := n - shownElements; more > 0 {
		separate(b, n, indent)
		fmt.Fprintf(b, "… %d more", more)
	}
	return closeWith(d, b, ']', indent, n)
}

func separate(b *strings.Builder, n int, indent string) {
	if n > 0 {
		b.WriteByte(',')
	}
	b.WriteString("\n" + indent + "  ")
}

func closeWith(d *json.Decoder, b *strings.Builder, end byte, indent string, n int) error {
	if _, err := d.Token(); err != nil { // the closing bracket
		return err
	}
	if n > 0 {
		b.WriteString("\n" + indent)
	}
	b.WriteByte(end)
	return nil
}
