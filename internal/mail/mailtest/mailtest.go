// Package mailtest is an SMTP server for tests, on a loopback port.
package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// Config says how a server behaves. Its zero value takes everything without TLS.
type Config struct {
	// Listener is where it listens; nil means a free loopback port.
	Listener net.Listener
	// TLS offers STARTTLS with a certificate of the server's own, for 127.0.0.1.
	TLS bool
	// Implicit speaks TLS from the first byte instead.
	Implicit bool
	// Certify changes what the certificate says; nil leaves it good for an hour.
	Certify func(*x509.Certificate)
	// Username and Password must be given before a mail is taken, unless both are empty.
	Username, Password string
	// InClear takes them without TLS too.
	InClear bool
	// Refuse is the answer to an address; nil takes it.
	Refuse func(to string) error
}

// Server takes mails.
type Server struct {
	Port int
	// CAFile is what a client has to trust, with TLS.
	CAFile string
	// Mails are those that were taken, as they came.
	Mails <-chan Mail
	// Logins counts the passwords that were sent, right or wrong.
	Logins atomic.Int32

	config Config
	mails  chan Mail
}

// Mail is one that was taken.
type Mail struct {
	// From and To are of the envelope.
	From   string
	To     []string
	Header mail.Header
	Body   string
	// TLS says whether it came over TLS.
	TLS bool
}

// Host is where servers listen.
const Host = "127.0.0.1"

// Listen takes a free port.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", Host+":0")
	require.NoError(t, err)
	return l
}

// Port is where a listener listens.
func Port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// Start runs a server until the test ends.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	if c.Listener == nil {
		c.Listener = Listen(t)
	}
	s := &Server{Port: Port(c.Listener), config: c, mails: make(chan Mail, 100)}
	s.Mails = s.mails
	server := smtp.NewServer(smtp.BackendFunc(func(conn *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: conn, loggedIn: c.Username == ""}, nil
	}))
	server.Domain = "mail.test"
	server.ErrorLog = log.New(io.Discard, "", 0) // connections that are cut off are part of tests
	server.AllowInsecureAuth = c.InClear
	listener := c.Listener
	switch {
	case c.Implicit:
		listener = tls.NewListener(listener, s.certify(t))
	case c.TLS:
		server.TLSConfig = s.certify(t)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = c.Listener.Close()
		<-done
	})
	return s
}

// certify makes a certificate and writes it where a client can read it.
func (s *Server) certify(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(Host)}, IsCA: true, BasicConstraintsValid: true,
	}
	if s.config.Certify != nil {
		s.config.Certify(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	s.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(s.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// session is one connection.
type session struct {
	server   *Server
	conn     *smtp.Conn
	loggedIn bool
	mail     Mail
}

var _ smtp.AuthSession = (*session)(nil)

func (s *session) AuthMechanisms() []string {
	if s.server.config.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		s.server.Logins.Add(1)
		if username != s.server.config.Username || password != s.server.config.Password {
			return smtp.ErrAuthFailed
		}
		s.loggedIn = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.loggedIn {
		return smtp.ErrAuthRequired
	}
	s.mail.From = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if refuse := s.server.config.Refuse; refuse != nil {
		if err := refuse(to); err != nil {
			return err
		}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	s.mail.Header, s.mail.Body = m.Header, string(body)
	_, s.mail.TLS = s.conn.TLSConnectionState()
	select {
	case s.server.mails <- s.mail:
		return nil
	default:
		return errors.New("nobody reads the mails")
	}
}

func (s *session) Reset()        { s.mail = Mail{} }
func (s *session) Logout() error { return nil }
