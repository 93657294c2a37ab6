// Package mail sends a few plain mails through an SMTP server: tokens that show that an address is its owner's.
//
// Who asks for a mail does not wait for it. An [Outbox] holds what is to be sent in memory, bounded, and gives a message up
// after three attempts: whoever misses it asks for another.
package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	gomail "github.com/wneessen/go-mail"
	"go.uber.org/zap"
)

// Config is the server and the sender.
type Config struct {
	Host string
	Port int
	// Username and Password are for servers that want them; both may be empty.
	Username, Password string
	// From is the sender's address.
	From string
	// TLS is "mandatory" (STARTTLS or nothing), "opportunistic", "implicit" (TLS from the first byte) or "none".
	TLS string
	// CAFile has certificates that are trusted besides the machine's, in PEM; empty: none.
	CAFile string
}

const implicit = "implicit"

// Modes of Config.TLS. A line that begins with TLS is one on which go-mail finds TLS, and then gives the password: its own way of
// dialling is one that cannot be hung up. It would make the line secure once more only if the server asked for it.
var tlsPolicies = map[string]gomail.TLSPolicy{
	"mandatory": gomail.TLSMandatory, "opportunistic": gomail.TLSOpportunistic, implicit: gomail.TLSOpportunistic, "none": gomail.NoTLS,
}

const (
	attempts    = 3
	retryAfter  = 5 * time.Second
	sendTimeout = 20 * time.Second
	// maxWaiting bounds the messages that wait; some 1 kB each.
	maxWaiting = 1000
)

// Outbox sends messages one after the other. It may be used from many goroutines.
type Outbox struct {
	client  *gomail.Client
	from    string
	log     *zap.Logger
	waiting chan *gomail.Msg
	retry   time.Duration
	line    line
}

// NewOutbox makes an outbox; Run sends what is put in it.
func NewOutbox(c Config, log *zap.Logger) (*Outbox, error) {
	policy, ok := tlsPolicies[cmp.Or(c.TLS, "mandatory")]
	if !ok {
		return nil, fmt.Errorf("`tls` is %q: it must be mandatory, opportunistic, implicit or none", c.TLS)
	}
	if err := gomail.NewMsg().From(c.From); err != nil {
		return nil, fmt.Errorf("`from` is %q, which is no address such as mirrorball@example.com", c.From)
	}
	trusted, err := trust(c)
	if err != nil {
		return nil, err
	}
	o := &Outbox{from: c.From, log: log, waiting: make(chan *gomail.Msg, maxWaiting), retry: retryAfter, line: line{timeout: sendTimeout}}
	if c.TLS == implicit {
		o.line.tls = trusted
	}
	options := []gomail.Option{
		gomail.WithPort(c.Port), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(trusted), gomail.WithTimeout(sendTimeout), gomail.WithDialContextFunc(o.line.dial),
	}
	if c.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(c.Username), gomail.WithPassword(c.Password))
	}
	if o.client, err = gomail.NewClient(c.Host, options...); err != nil {
		return nil, fmt.Errorf("cannot use the SMTP server: %w", err)
	}
	return o, nil
}

// trust is how the server's certificate is checked.
func trust(c Config) (*tls.Config, error) {
	t := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return t, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read `ca_file`: %w", err)
	}
	if t.RootCAs, err = x509.SystemCertPool(); err != nil {
		t.RootCAs = x509.NewCertPool()
	}
	if !t.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("`ca_file` %s holds no certificate in PEM", c.CAFile)
	}
	return t, nil
}

// Send puts a message in the outbox and returns at once. An address that no mail can go to, and a full outbox, are
// logged.
func (o *Outbox) Send(to, subject, text string) {
	m := gomail.NewMsg()
	if m.From(o.from) != nil || m.To(to) != nil { // the address itself is nobody's business
		o.log.Warn("A mail cannot be sent: its address is not one that mail can go to", zap.String("subject", subject))
		return
	}
	m.Subject(subject)
	m.SetBodyString(gomail.TypeTextPlain, text)
	m.SetDate()
	m.SetMessageID()
	select {
	case o.waiting <- m:
	default:
		o.log.Warn("A mail is dropped: too many wait for the SMTP server", zap.String("subject", subject), zap.Int("waiting", maxWaiting))
	}
}

// Run sends until ctx ends, once. What waits then is given up.
func (o *Outbox) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, o.line.hangUp)()
	for {
		select {
		case <-ctx.Done():
			if n := len(o.waiting); n > 0 {
				o.log.Warn("Mails are given up, for the collector stops", zap.Int("mails", n))
			}
			return
		case m := <-o.waiting:
			o.deliver(ctx, m)
		}
	}
}

func (o *Outbox) deliver(ctx context.Context, m *gomail.Msg) {
	for attempt := 1; ; attempt++ {
		err := o.client.DialAndSendWithContext(ctx, m)
		if err == nil || ctx.Err() != nil {
			return
		}
		if attempt == attempts {
			o.log.Warn("A mail is given up", zap.Int("attempts", attempt), zap.String("cause", cause(err)))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(o.retry):
		}
	}
}

// cause is what went wrong without the server's words, which may repeat an address.
func cause(err error) string {
	var send *gomail.SendError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return "the SMTP server's certificate is not trusted: see `ca_file`"
	case errors.As(err, &send):
		return send.Reason.String()
	}
	return fmt.Sprintf("the SMTP server cannot be reached (%T)", err)
}
