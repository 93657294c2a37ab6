package analyticsapiextension

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"

	"github.com/disco-platform/mirrorball/extension/usagestoreextension"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/clientaddr"
	"github.com/disco-platform/mirrorball/internal/httpapi"
	"github.com/disco-platform/mirrorball/internal/mail"
)

// server listens from Start to Shutdown.
type server struct {
	config    *Config
	telemetry component.TelemetrySettings
	http      *http.Server
	done      chan struct{} // closed when the listener has ended
	outbox    *mail.Outbox  // nil without an SMTP server
	stopMail  func()        // set with outbox
}

var (
	_ extension.Extension             = (*server)(nil)
	_ extensioncapabilities.Dependent = (*server)(nil)
)

// Dependencies has the store start first and stop last.
func (s *server) Dependencies() []component.ID { return []component.ID{s.config.Store} }

// Start listens before it returns, so that an address in use is an error of the start.
func (s *server) Start(ctx context.Context, host component.Host) error {
	store, err := usagestoreextension.Find(host, s.config.Store)
	if err != nil {
		return err
	}
	if err := s.startMail(); err != nil {
		return err
	}
	handler, err := s.handler(store)
	if err != nil {
		return err
	}
	s.http, err = s.config.ServerConfig.ToServer(ctx, host.GetExtensions(), s.telemetry, handler,
		confighttp.WithErrorHandler(httpapi.RefuseEncoding))
	if err != nil {
		return fmt.Errorf("cannot make the server: %w", err)
	}
	listener, err := s.config.ServerConfig.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", s.config.ServerConfig.NetAddr.Endpoint, err)
	}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	}()
	return nil
}

// Shutdown takes no more requests and waits for those under way, as long as ctx allows.
func (s *server) Shutdown(ctx context.Context) error {
	if s.stopMail != nil {
		defer s.stopMail()
	}
	if s.done == nil {
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}

func (s *server) handler(store usagestoreextension.Store) (http.Handler, error) {
	proxies, err := clientaddr.ParseProxies(s.config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	r := s.config.Registration
	c := httpapi.Config{
		Reader: store.Reader(), Accounts: store.Accounts(), Keys: store.Keys(), Limits: store.Allowances(),
		NoteUse:     func(id *apikey.Identity) { store.Uses().Note(id.KeyID, time.Now()) },
		NoteRefusal: noteRefusals(store.Refusals()),
		Registration: httpapi.Registration{
			Mode: r.Mode, PerAddress: r.PerAddress, PerOrganization: r.PerOrganization, PerHour: r.RequestsPerHour, PerMonth: r.RequestsPerMonth,
		},
		TrustedProxies: proxies, MaxInFlight: s.config.MaxInFlight, CursorKey: store.Derive("cursor"), Log: s.telemetry.Logger,
	}
	if s.outbox != nil {
		c.Mail = s.outbox.Send
	}
	return httpapi.New(c)
}

func noteRefusals(log *apikey.RefusalLog) func(netip.Addr, *apikey.Identity, string, string) {
	return func(from netip.Addr, id *apikey.Identity, fingerprint, reason string) {
		if id != nil {
			log.NoteKey(time.Now(), from, id, reason)
			return
		}
		log.Note(time.Now(), from, fingerprint, reason)
	}
}

// startMail has mails sent from now on, if there is a server for them.
func (s *server) startMail() (err error) {
	if s.config.SMTP.Host == "" {
		return nil
	}
	if s.outbox, err = mail.NewOutbox(s.config.SMTP.config(), s.telemetry.Logger); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.outbox.Run(ctx)
	}()
	s.stopMail = func() { stop(); <-ended }
	return nil
}
