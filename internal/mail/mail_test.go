package mail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/disco-platform/mirrorball/internal/mail"
	"github.com/disco-platform/mirrorball/internal/mail/mailtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logged is a log that hands its entries on.
type logged struct {
	*zap.Logger
	entries chan observer.LoggedEntry
}

func newLog() *logged {
	l := &logged{entries: make(chan observer.LoggedEntry, 100)}
	l.Logger = zap.New(&handingOn{zapcore.NewNopCore(), l.entries})
	return l
}

type handingOn struct {
	zapcore.Core
	entries chan observer.LoggedEntry
}

func (c *handingOn) Enabled(zapcore.Level) bool { return true }

func (c *handingOn) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, c)
}

func (c *handingOn) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.entries <- observer.LoggedEntry{Entry: e, Context: fields}
	return nil
}

// next waits for an entry, and requires it to tell nobody's address or token.
func (l *logged) next(t *testing.T) string {
	t.Helper()
	select {
	case e := <-l.entries:
		text := fmt.Sprint(e.Message, e.ContextMap())
		for _, secret := range []string{"ada", "token-of-ada", "hunter2"} {
			require.NotContains(t, text, secret)
		}
		return text
	case <-time.After(30 * time.Second):
		require.Fail(t, "nothing is logged")
		return ""
	}
}

// open makes an outbox that sends until the test ends.
func open(t *testing.T, c mail.Config) (*mail.Outbox, *logged) {
	t.Helper()
	log := newLog()
	o := newOutbox(t, c, log)
	start(t, o)
	return o, log
}

// start has an outbox send until the test ends.
func start(t *testing.T, o *mail.Outbox) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); o.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func newOutbox(t *testing.T, c mail.Config, log *logged) *mail.Outbox {
	t.Helper()
	c.Host, c.From = mailtest.Host, "mirrorball@example.com"
	o, err := mail.NewOutbox(c, log.Logger)
	require.NoError(t, err)
	o.RetryAfter(10 * time.Millisecond)
	return o
}

func receive(t *testing.T, s *mailtest.Server) mailtest.Mail {
	t.Helper()
	select {
	case m := <-s.Mails:
		return m
	case <-time.After(30 * time.Second):
		require.Fail(t, "no mail came")
		return mailtest.Mail{}
	}
}

func TestAMailArrives(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	o, _ := open(t, mail.Config{Port: s.Port, TLS: "none"})
	o.Send("ada@example.com", "Confirm: ü", "Take this:\n\ntoken-of-ada\n")
	m := receive(t, s)
	require.Equal(t, "mirrorball@example.com", m.From)
	require.Equal(t, []string{"ada@example.com"}, m.To)
	require.Equal(t, []string{"<mirrorball@example.com>", "<ada@example.com>", "=?UTF-8?q?Confirm:_=C3=BC?="},
		[]string{m.Header.Get("From"), m.Header.Get("To"), m.Header.Get("Subject")})
	require.NotEmpty(t, m.Header.Get("Date"))
	require.NotEmpty(t, m.Header.Get("Message-ID"))
	require.Contains(t, m.Body, "Take this:\r\n\r\ntoken-of-ada\r\n")
	require.False(t, m.TLS)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	plain := mailtest.Start(t, mailtest.Config{})
	o, log := open(t, mail.Config{Port: plain.Port, TLS: "mandatory"})
	o.Send("ada@example.com", "Hello", "token-of-ada")
	require.Contains(t, log.next(t), "A mail is given up")

	secure := mailtest.Start(t, mailtest.Config{TLS: true})
	o, log = open(t, mail.Config{Port: secure.Port})
	o.Send("ada@example.com", "Hello", "token-of-ada")
	require.Contains(t, log.next(t), "A mail is given up", "nobody vouches for the certificate")
	o, _ = open(t, mail.Config{Port: secure.Port, CAFile: secure.CAFile})
	o.Send("ada@example.com", "Hello", "token-of-ada")
	require.True(t, receive(t, secure).TLS)
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{TLS: true, Username: "mirrorball", Password: "hunter2"})
	o, _ := open(t, mail.Config{Port: s.Port, CAFile: s.CAFile, Username: "mirrorball", Password: "hunter2"})
	o.Send("ada@example.com", "Hello", "token-of-ada")
	require.True(t, receive(t, s).TLS)
	o, log := open(t, mail.Config{Port: s.Port, CAFile: s.CAFile, Username: "mirrorball", Password: "hunter2!"})
	o.Send("ada@example.com", "Hello", "token-of-ada")
	require.Contains(t, log.next(t), "A mail is given up")
}

// A server that answers "later" gets the mail again; one that refuses an address is left alone after three attempts.
func TestRetry(t *testing.T) {
	t.Parallel()
	attempts := make(chan string, 10)
	tries := 0
	s := mailtest.Start(t, mailtest.Config{Refuse: func(to string) error {
		attempts <- to
		if tries++; strings.HasPrefix(to, "later") && tries < 3 {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later, " + to}
		}
		if strings.HasPrefix(to, "ada") {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user: " + to}
		}
		return nil
	}})
	o, log := open(t, mail.Config{Port: s.Port, TLS: "none"})
	o.Send("later@example.com", "Hello", "x")
	require.Equal(t, []string{"later@example.com"}, receive(t, s).To)
	require.Len(t, attempts, 3)
	o.Send("ada@example.com", "Hello", "token-of-ada")
	require.Contains(t, log.next(t), "A mail is given up")
	require.Len(t, attempts, 6)
	o.Send("bob@example.com", "Hello", "x")
	require.Equal(t, []string{"bob@example.com"}, receive(t, s).To, "one address that is refused holds nobody else up")
}

// The server is away when the mail is sent, and comes back.
func TestServerAway(t *testing.T) {
	t.Parallel()
	l := mailtest.Listen(t)
	refused := make(chan struct{})
	go func() {
		conn, err := l.Accept() // the first attempt is cut off
		if err == nil {
			_ = conn.Close()
		}
		close(refused)
	}()
	log := newLog()
	port := mailtest.Port(l)
	o := newOutbox(t, mail.Config{Port: port, TLS: "none"}, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); o.Run(ctx) }()
	defer func() { cancel(); <-done }()
	o.Send("ada@example.com", "Hello", "token-of-ada")
	<-refused
	s := mailtest.Start(t, mailtest.Config{Listener: l})
	require.Equal(t, []string{"ada@example.com"}, receive(t, s).To)
}

func TestHostileAddresses(t *testing.T) {
	t.Parallel()
	s := mailtest.Start(t, mailtest.Config{})
	o, log := open(t, mail.Config{Port: s.Port, TLS: "none"})
	for _, to := range []string{
		"ada@example.com>\r\nBcc: eve@example.com", "ada@example.com\r\nRCPT TO:<eve@example.com>", "a@b>\r\nBcc:", "ada@example.com, eve@example.com",
		"\"ada\r\nX: y\"@example.com", "", "@", "ada", "ada@example.com\x00",
	} {
		o.Send(to, "Hello", "token-of-ada")
		require.Contains(t, log.next(t), "its address is not one that mail can go to", "%q", to)
	}
	o.Send(`"ada lovelace"@example.com`, "Hello\r\nBcc: eve@example.com", "a\r\n.\r\nMAIL FROM:<eve@example.com>\r\n")
	m := receive(t, s)
	require.Equal(t, []string{"ada lovelace@example.com"}, m.To, "the server takes the quotes off")
	require.Empty(t, m.Header.Get("Bcc"), "a subject stays a subject")
	require.Contains(t, m.Body, "MAIL FROM:<eve@example.com>", "a dot ends nothing")
	require.Empty(t, s.Mails)
}

func TestFullOutbox(t *testing.T) {
	t.Parallel()
	log := newLog()
	o := newOutbox(t, mail.Config{Port: 1}, log)
	for range mail.MaxWaiting {
		o.Send("ada@example.com", "Hello", "token-of-ada")
	}
	require.Empty(t, log.entries)
	o.Send("ada@example.com", "Hello", "token-of-ada")
	require.Contains(t, log.next(t), "too many wait for the SMTP server")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.Run(ctx)
	require.NotEmpty(t, log.next(t))
}

// Run ends at once, though a mail waits for its next attempt, or for a server that does not answer.
func TestShutdownWhileWaiting(t *testing.T) {
	t.Parallel()
	silent := mailtest.Listen(t)
	defer silent.Close()
	o := newOutbox(t, mail.Config{Port: mailtest.Port(silent), TLS: "none"}, newLog())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); o.Run(ctx) }()
	o.Send("ada@example.com", "Hello", "token-of-ada")
	conn, err := silent.Accept()
	require.NoError(t, err)
	defer conn.Close()
	cancel()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		require.Fail(t, "Run waits for the server")
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for want, c := range map[string]mail.Config{
		"`tls` is \"maybe\"":        {Host: "h", Port: 25, From: "a@example.com", TLS: "maybe"},
		"`from` is \"nobody\"":      {Host: "h", Port: 25, From: "nobody"},
		"cannot read `ca_file`":     {Host: "h", Port: 25, From: "a@example.com", CAFile: empty + ".none"},
		"holds no certificate":      {Host: "h", Port: 25, From: "a@example.com", CAFile: empty},
		"cannot use the SMTP serve": {Host: "h", Port: -1, From: "a@example.com"},
	} {
		_, err := mail.NewOutbox(c, nil)
		require.ErrorContains(t, err, want)
	}
}
