package mail_test

import (
	"context"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/mail"
	"github.com/disco-platform/mirrorball/internal/mail/mailtest"
)

// A mail, and a password, go only to a server whose certificate is good: in each mode that has TLS, with a server that has it.
func TestCertificates(t *testing.T) {
	t.Parallel()
	for certificate, certify := range map[string]func(*x509.Certificate){
		"good":          nil,
		"self-signed":   nil, // and not in the file of trusted ones
		"for another":   func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} },
		"expired":       func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
		"not yet valid": func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) },
	} {
		for _, mode := range []string{"mandatory", "opportunistic", "implicit"} {
			t.Run(mode+" "+certificate, func(t *testing.T) {
				t.Parallel()
				s := mailtest.Start(t, mailtest.Config{
					TLS: mode != "implicit", Implicit: mode == "implicit", Certify: certify, Username: "mirrorball", Password: "hunter2", InClear: true,
				})
				c := mail.Config{Port: s.Port, TLS: mode, CAFile: s.CAFile, Username: "mirrorball", Password: "hunter2"}
				if certificate == "self-signed" {
					c.CAFile = ""
				}
				o, log := open(t, c)
				o.Send("ada@example.com", "Hello", "token-of-ada")
				if certificate == "good" {
					require.True(t, receive(t, s).TLS)
					require.EqualValues(t, 1, s.Logins.Load())
					return
				}
				require.Contains(t, log.next(t), "the SMTP server's certificate is not trusted: see `ca_file`")
				require.Zero(t, s.Logins.Load(), "a password was sent to who knows whom")
				require.Empty(t, s.Mails)
			})
		}
	}
}

// A password that the server would take is not sent in the clear.
func TestPasswordsAreNotSentInTheClear(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"none", "opportunistic", "mandatory", "implicit"} {
		s := mailtest.Start(t, mailtest.Config{Username: "mirrorball", Password: "hunter2", InClear: true})
		o, log := open(t, mail.Config{Port: s.Port, TLS: mode, Username: "mirrorball", Password: "hunter2"})
		o.Send("ada@example.com", "Hello", "token-of-ada")
		require.Contains(t, log.next(t), "A mail is given up", mode)
		require.Zero(t, s.Logins.Load(), mode)
	}
}

// A server that waits for TLS while it is waited for, as one of port 465 does in the mode mandatory, and one that never says
// anything, cost the mails that are for them and hold up no others.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	implicit := mailtest.Start(t, mailtest.Config{Implicit: true})
	silent := mailtest.Listen(t)
	defer silent.Close() // the system accepts connections
	for _, c := range []mail.Config{
		{Port: implicit.Port, TLS: "mandatory"}, {Port: mailtest.Port(silent), TLS: "none"}, {Port: mailtest.Port(silent), TLS: "implicit"},
	} {
		log := newLog()
		o := newOutbox(t, c, log)
		o.GiveUpAfter(50 * time.Millisecond)
		start(t, o)
		for range 2 {
			o.Send("ada@example.com", "Hello", "token-of-ada")
			require.Contains(t, log.next(t), "A mail is given up", c.TLS)
		}
	}
}

// Run ends at once though the server is silent: instead of shaking hands, or later, within TLS.
func TestShutdownWhileWaitingWithTLS(t *testing.T) {
	t.Parallel()
	reached, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	slow := mailtest.Start(t, mailtest.Config{Implicit: true, Refuse: func(string) error {
		close(reached)
		<-release
		return nil
	}})
	silent := mailtest.Listen(t)
	defer silent.Close()
	for name, c := range map[string]mail.Config{
		"within": {Port: slow.Port, TLS: "implicit", CAFile: slow.CAFile}, "before": {Port: mailtest.Port(silent), TLS: "implicit"},
	} {
		o := newOutbox(t, c, newLog())
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); o.Run(ctx) }()
		o.Send("ada@example.com", "Hello", "token-of-ada")
		if name == "within" {
			<-reached
		} else {
			conn, err := silent.Accept()
			require.NoError(t, err)
			defer conn.Close()
		}
		cancel()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			require.Fail(t, "Run waits for the server", name)
		}
	}
}
